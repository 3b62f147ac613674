/** SQL of a DuckDB column as canonical text behind a mark, which keeps the driver from cutting a leading BOM. */
export function canonicalColumn({ name, type }: { readonly name: string; readonly type: string }): string {
  const column = `"${name.replaceAll('"', '""')}"`;
  if (type === 'BLOB') return `'!\\x' || lower(hex(${column}))`;
  // The era stands at the end in canonical text.
  return `'!' || regexp_replace(CAST(${column} AS VARCHAR), '^(\\d+-\\d\\d-\\d\\d) \\(BC\\)(.*)$', '\\1\\2 BC')`;
}

export function unmarked(text: string | null): string | null {
  return text === null ? null : text.slice(1);
}
