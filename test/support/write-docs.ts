import { writeFileSync } from 'node:fs';
import { verifierPage } from '../../docs/verifier/build.ts';
import { errorDocs } from '../../src/cli/error-docs.ts';
import { presetDocs } from '../../src/cli/preset-docs.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';

/** `npm run docs`: what is generated from the code. */
writeFileSync(new URL('../../docs/errors.md', import.meta.url), errorDocs());
writeFileSync(new URL('../../schema/rowseal.schema.json', import.meta.url), configJsonSchema());
writeFileSync(new URL('../../docs/masking-presets.md', import.meta.url), presetDocs());
writeFileSync(new URL('../../docs/verify-proof.html', import.meta.url), await verifierPage());
