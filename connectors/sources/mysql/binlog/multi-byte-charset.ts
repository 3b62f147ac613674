import iconv from 'iconv-lite';
import { corrections } from './charset-tables.ts';

/** East Asian character sets of the server, and iconv-lite's name for the nearest of its own. */
const encodings: Readonly<Record<string, string>> = {
  big5: 'big5',
  cp932: 'cp932',
  eucjpms: 'euc-jp',
  euckr: 'euckr',
  gb18030: 'gb18030',
  gb2312: 'gb2312',
  gbk: 'gbk',
  sjis: 'shift_jis',
  ujis: 'euc-jp',
};

export function isMultiByte(charset: string): boolean {
  return Object.hasOwn(encodings, charset);
}

/**
 * Decodes bytes character by character, so that the server's own choices hold where sets of one name differ (the wave
 * dash of sjis, private use in cp932 and the EUC sets). @returns null when some bytes are no character of the set
 */
export function multiByteDecoder(charset: string): (bytes: Uint8Array) => string | null {
  const encoding = encodings[charset]!;
  const known = new Map<number, string>();
  for (const entry of corrections[charset]?.split(' ') ?? []) {
    const digits = entry.startsWith('8f') ? 6 : 4;
    known.set(Number.parseInt(entry.slice(0, digits), 16), entry.slice(digits));
  }
  const lengthAt = characterLength(charset);
  return (bytes) => {
    let text = '';
    let at = 0;
    while (at < bytes.length) {
      const first = bytes[at]!;
      if (first < 0x80) {
        text += String.fromCharCode(first);
        at++;
        continue;
      }
      const length = lengthAt(first, bytes[at + 1] ?? 0);
      if (at + length > bytes.length) return null;
      let code = 0;
      for (let i = 0; i < length; i++) code = code * 256 + bytes[at + i]!;
      let character = known.get(code);
      if (character === undefined) {
        character =
          privateUse(charset, code) ?? iconv.decode(Buffer.from(bytes.subarray(at, at + length)), encoding);
        // Codes of four bytes are many and rare.
        if (length < 4) known.set(code, character);
      }
      if (character.includes('\ufffd') || [...character].length !== 1) return null;
      text += character;
      at += length;
    }
    return text;
  };
}

function characterLength(charset: string): (first: number, second: number) => number {
  switch (charset) {
    case 'sjis':
    case 'cp932':
      // Half-width katakana are one byte.
      return (first) => (first >= 0xa1 && first <= 0xdf ? 1 : 2);
    case 'ujis':
    case 'eucjpms':
      return (first) => (first === 0x8f ? 3 : 2);
    case 'gb18030':
      return (_, second) => (second >= 0x30 && second <= 0x39 ? 4 : 2);
    default:
      return () => 2;
  }
}

/** Areas for users' own characters, which the server maps to U+E000 and on and iconv-lite does not. */
function privateUse(charset: string, code: number): string | null {
  const trail = code & 0xff;
  const lead = (code >> 8) & 0xff;
  if (charset === 'cp932') {
    if (lead < 0xf0 || lead > 0xf9 || trail < 0x40 || trail === 0x7f || trail > 0xfc) return null;
    return String.fromCharCode(0xe000 + (lead - 0xf0) * 188 + trail - (trail < 0x7f ? 0x40 : 0x41));
  }
  if ((charset !== 'ujis' && charset !== 'eucjpms') || lead < 0xf5 || trail < 0xa1) return null;
  const base = code > 0xffff ? 0xe3ac : 0xe000;
  return String.fromCharCode(base + (lead - 0xf5) * 94 + trail - 0xa1);
}
