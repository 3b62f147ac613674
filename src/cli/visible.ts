/** Names come from the database: a terminal must not obey what is in them. */
export function visible(name: string): string {
  return name.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '\ufffd');
}
