import { z } from 'zod';
import { configSchema } from './schema.ts';

/** schema/rowseal.schema.json, for editors; `npm run docs` writes it, a test holds it current. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return `${JSON.stringify({ title: 'Rowseal configuration', ...schema }, null, 2)}\n`;
}
