import { Buffer } from 'buffer';

/** Methods that Node's Buffer has and the one for browsers lacks; see src/node-buffer.d.ts. */
const methods = {
  latin1Slice(this: Buffer, start: number, end: number): string {
    return this.toString('latin1', start, end);
  },
  utf8Slice(this: Buffer, start: number, end: number): string {
    return this.toString('utf8', start, end);
  },
  latin1Write(this: Buffer, text: string, offset: number, length: number): number {
    return this.write(text, offset, length, 'latin1');
  },
  utf8Write(this: Buffer, text: string, offset: number, length: number): number {
    return this.write(text, offset, Math.min(length, this.length - offset), 'utf8');
  },
};
Object.assign(Buffer.prototype, methods);

export { Buffer };
