import { defineCodes } from '../define.ts';

export const maskCodes = defineCodes({
  'RS-MASK-000': {
    kind: 'bug',
    title: 'an internal rule was broken',
    explain: 'Rowseal met a state its authors hold to be impossible. Nothing further was written.',
    fix: 'please report it with the detail shown; a restart recovers from the journal',
  },
});
