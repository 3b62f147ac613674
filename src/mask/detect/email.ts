import { Hint, type TextFinder } from './text-finder.ts';

const DOMAIN = /^(?:[\p{L}\d](?:[\p{L}\d-]{0,61}[\p{L}\d])?\.){1,8}(?:\p{L}{2,24}|xn--[a-z\d-]{2,58})$/iu;
const LOCAL = /^[^\s@"<>(),;:\\[\]\p{Cc}]{1,64}$/u;
/** `logo@2x.png`: a picture for a dense screen. */
const PICTURE = /^[1-9]x\.(?:png|jpe?g|gif|webp|svg)$/i;

/** `local@domain` (RFC 5321 §4.1.2 without quoted local parts and address literals), letters of any script. */
export function isEmail(value: string): boolean {
  const at = value.indexOf('@');
  if (at < 1 || at > 64 || value.length > 320) return false;
  const domain = value.slice(at + 1);
  return DOMAIN.test(domain) && LOCAL.test(value.slice(0, at)) && !PICTURE.test(domain);
}

/** Addresses are found from their `@` outwards: 64 characters to the left, 255 to the right. */
export const emailFinder: TextFinder = {
  class: 'email',
  needs: Hint.at,
  next: (text, from) => {
    for (let at = text.indexOf('@', from); at >= 0; at = text.indexOf('@', at + 1)) {
      let start = at;
      while (start > from && at - start < 64 && isLocal(text.charCodeAt(start - 1))) start--;
      // A sentence's punctuation is no part of the address.
      while (start < at && LEADING.includes(text[start]!)) start++;
      if (start === at) continue;
      let end = at + 1;
      while (end < text.length && end - at <= 255 && isHost(text.charCodeAt(end))) end++;
      while (end > at && (text[end - 1] === '.' || text[end - 1] === '-')) end--;
      const domain = text.slice(at + 1, end);
      if (DOMAIN.test(domain) && !PICTURE.test(domain)) return { start, end, class: 'email' };
    }
    return null;
  },
};

const LEADING = ".'`*|=/?&{}~";

const LETTER = /[\p{L}\p{M}]/u;

/** For one UTF-16 unit: letters, digits, and what RFC 5322 §3.2.3 calls atext, and the dot. */
function isLocal(code: number): boolean {
  return code < 128 ? ATEXT[code] === 1 : LETTER.test(String.fromCharCode(code));
}

function isHost(code: number): boolean {
  return code < 128 ? HOST[code] === 1 : LETTER.test(String.fromCharCode(code));
}

const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const ATEXT = setOf(`${ALPHANUMERIC}.!#$%&'*+/=?^_\`{|}~-`);
const HOST = setOf(`${ALPHANUMERIC}.-`);

function setOf(characters: string): Uint8Array {
  const set = new Uint8Array(128);
  for (const character of characters) set[character.charCodeAt(0)] = 1;
  return set;
}
