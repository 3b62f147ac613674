import { expect, it } from 'vitest';
import { foreignKeys, jsonColumns } from '../../../connectors/sources/mysql/table-definition.ts';
import { mysqlType } from '../../../connectors/sources/mysql/types.ts';

const DEFINITION = `CREATE TABLE \`child\` (
  \`id\` int(11) NOT NULL,
  \`p\` int(11) DEFAULT NULL,
  \`js\` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(\`js\`)),
  \`plain\` longtext DEFAULT 'CHECK (json_valid(\`plain\`))',
  PRIMARY KEY (\`id\`),
  CONSTRAINT \`fk one\` FOREIGN KEY (\`p\`) REFERENCES \`parent\` (\`id\`) ON DELETE CASCADE ON UPDATE SET NULL,
  CONSTRAINT \`two\` FOREIGN KEY (\`p\`, \`id\`) REFERENCES \`other db\`.\`pa\`\`rent\` (\`a\`, \`b\`),
  CONSTRAINT \`three\` FOREIGN KEY (\`id\`) REFERENCES \`x\` (\`y\`) ON DELETE NO ACTION
) ENGINE=InnoDB COMMENT='CONSTRAINT'`;

it('reads foreign keys as the server prints them', () => {
  expect(foreignKeys(DEFINITION, 'shop')).toEqual([
    {
      name: 'fk one',
      columns: ['p'],
      parent: { namespace: 'shop', name: 'parent' },
      parentColumns: ['id'],
      cascades: true,
      rules: 'ON DELETE CASCADE ON UPDATE SET NULL',
    },
    {
      name: 'two',
      columns: ['p', 'id'],
      parent: { namespace: 'other db', name: 'pa`rent' },
      parentColumns: ['a', 'b'],
      cascades: false,
      rules: '',
    },
    {
      name: 'three',
      columns: ['id'],
      parent: { namespace: 'shop', name: 'x' },
      parentColumns: ['y'],
      cascades: false,
      rules: 'ON DELETE NO ACTION',
    },
  ]);
  expect([...jsonColumns(DEFINITION)]).toEqual(['js']);
});

it('spells types as the binlog decoder does', () => {
  const spelled = (columnType: string, maxLength: number | null = null): string =>
    mysqlType({ columnType, maxLength, holdsJson: false }).sourceType;
  expect(spelled('int(10) unsigned zerofill')).toBe('int unsigned');
  expect(spelled('tinyint(1)')).toBe('tinyint');
  expect(spelled('decimal(10,2) unsigned')).toBe('decimal(10,2) unsigned');
  expect(spelled('float(7,3)')).toBe('float');
  expect(spelled('varchar(20)', 20)).toBe('varchar(20)');
  expect(spelled('varchar(50) /*M!100301 COMPRESSED*/', 50)).toBe('varchar(50)');
  expect(spelled('datetime(6)')).toBe('datetime(6)');
  expect(spelled('datetime(3) /* mariadb-5.3 */')).toBe('datetime(3)');
  // No comment: it is part of a label.
  expect(spelled("enum('a /* b */','c')")).toBe("enum('a /* b */','c')");
  expect(spelled('geomcollection')).toBe('geometrycollection');
  expect(
    mysqlType({ columnType: "enum('a','b,c','it''s','x)')", maxLength: 4, holdsJson: false }),
  ).toMatchObject({
    type: { kind: 'enum', labels: ['a', 'b,c', "it's", 'x)'] },
    sourceType: "enum('a','b,c','it''s','x)')",
  });
  expect(mysqlType({ columnType: 'uuid', maxLength: null, holdsJson: false })).toMatchObject({
    hint: 'uuid',
    type: { kind: 'uuid' },
  });
  expect(mysqlType({ columnType: 'longtext', maxLength: 1, holdsJson: true }).type).toEqual({ kind: 'json' });
});
