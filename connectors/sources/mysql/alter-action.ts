import { isSign, type Word } from './sql-words.ts';

const KEYS = new Set([
  'INDEX',
  'KEY',
  'UNIQUE',
  'FULLTEXT',
  'SPATIAL',
  'PRIMARY',
  'CONSTRAINT',
  'FOREIGN',
  'CHECK',
]);
/** First words of actions that leave every row as it is. */
const HARMLESS = new Set([
  'ALTER',
  'COMMENT',
  'ENGINE',
  'FORCE',
  'LOCK',
  'ALGORITHM',
  'AUTO_INCREMENT',
  'ROW_FORMAT',
  'KEY_BLOCK_SIZE',
  'STATS_PERSISTENT',
  'STATS_AUTO_RECALC',
  'STATS_SAMPLE_PAGES',
  'ENABLE',
  'DISABLE',
  'ORDER',
  'DEFAULT',
  'CHARACTER',
  'CHARSET',
  'COLLATE',
  'ANALYZE',
  'CHECK',
  'OPTIMIZE',
  'REBUILD',
  'REPAIR',
  'COALESCE',
  'REORGANIZE',
  'REMOVE',
  'WITH',
  'WITHOUT',
  'NOWAIT',
  'WAIT',
  'MAX_ROWS',
  'MIN_ROWS',
  'AVG_ROW_LENGTH',
  'CHECKSUM',
  'COMPRESSION',
  'ENCRYPTION',
  'SECONDARY_ENGINE',
  'SECONDARY_LOAD',
  'SECONDARY_UNLOAD',
]);

/** The words of one action. */
export type Phrase = readonly Word[];

/** What one action of ALTER TABLE does; a list of words begins with the name of another table that it concerns. */
export function judge(action: Phrase): 'harmless' | 'rewrites' | Phrase {
  const word = (i: number): string => {
    const found = action[i];
    return found?.kind === 'word' ? found.upper : '';
  };
  switch (word(0)) {
    case 'ADD':
      return judgeAdd(action);
    case 'EXCHANGE':
    case 'CONVERT': {
      // A partition changes places with a table, or (MariaDB) becomes one, or is made of one.
      const table = action.findIndex((_, i) => word(i) === 'TABLE');
      return table < 0 ? 'rewrites' : action.slice(table + 1);
    }
    case 'DROP':
      // Another primary key tells rows apart by other columns, in the sinks too.
      return word(1) === 'PARTITION' || word(1) === 'PRIMARY' ? 'rewrites' : 'harmless';
    case 'RENAME':
      if (word(1) === 'INDEX' || word(1) === 'KEY') return 'harmless';
      if (word(1) === 'COLUMN') return 'rewrites';
      return action.slice(word(1) === 'TO' || word(1) === 'AS' || isSign(action[1], '=') ? 2 : 1);
    case 'PARTITION':
      return 'harmless';
    default:
      return HARMLESS.has(word(0)) ? 'harmless' : 'rewrites';
  }
}

function judgeAdd(action: Phrase): 'harmless' | 'rewrites' {
  const words = action
    .slice(1)
    .map((word) => (word.kind === 'word' ? word.upper : word.kind === 'sign' ? word.text : ''));
  if (words.includes('PRIMARY')) return 'rewrites';
  const [first = '', second = ''] = words;
  if (KEYS.has(first) || first === 'PARTITION') return 'harmless';
  // These are names too: of a column, unless the next word says otherwise.
  if (first === 'PERIOD' && second === 'FOR') return 'harmless';
  if (first === 'VECTOR' && KEYS.has(second)) return 'harmless';
  if (first === 'SYSTEM') return 'rewrites';
  return columnsOf(words).every(isNullAtFirst) ? 'harmless' : 'rewrites';
}

/** `ADD [COLUMN] [IF NOT EXISTS] c …` has one column, `ADD [COLUMN] (c …, d …)` several. */
function columnsOf(words: readonly string[]): readonly (readonly string[])[] {
  let from = words[0] === 'COLUMN' ? 1 : 0;
  if (words[from] === 'IF') from += 3;
  if (words[from] !== '(') return [words.slice(from)];
  const columns: string[][] = [[]];
  let depth = 0;
  for (const word of words.slice(from + 1)) {
    if (word === '(') depth++;
    if (word === ')') depth--;
    if (depth === 0 && word === ',') columns.push([]);
    else columns.at(-1)!.push(word);
  }
  return columns;
}

/** A new column is null in the rows that are there, unless it has a default, is NOT NULL or is computed. */
function isNullAtFirst(column: readonly string[]): boolean {
  const follows = (i: number, word: string): boolean => column[i + 1] === word;
  // Without explicit_defaults_for_timestamp it is NOT NULL by itself.
  if (column[1] === 'TIMESTAMP' && !column.some((word, i) => word === 'NULL' && column[i - 1] !== 'NOT'))
    return false;
  return !column.some(
    (word, i) =>
      (word === 'DEFAULT' && !follows(i, 'NULL')) ||
      (word === 'NOT' && follows(i, 'NULL')) ||
      ['GENERATED', 'AS', 'AUTO_INCREMENT', 'SERIAL'].includes(word),
  );
}
