import { parseIp } from '../method/ip.ts';
import { Hint, patternFinder, type TextFinder, whole } from './text-finder.ts';

/** IPv4 or IPv6, with or without a prefix length, as inet prints it. */
export function isIp(value: string): boolean {
  if (value.length > 49 || !/^[\da-fA-F:.]{2,45}(?:\/\d{1,3})?$/.test(value) || !/[.:]/.test(value))
    return false;
  return parseIp(value.split('/')[0]!) !== null;
}

const MAC = /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}$/i;

/** EUI-48, as macaddr prints it or with dashes. */
export function isMac(value: string): boolean {
  return MAC.test(value);
}

const ipv4Finder = patternFinder(
  'ip',
  Hint.threeDots,
  /(?<![\w.-])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\d)/g,
  whole(isIp),
);

const ipv6Finder = patternFinder(
  'ip',
  Hint.threeColons,
  /(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{2,42}(?!\w)/g,
  (match, start) => {
    const address = match.endsWith('::') ? match : match.replace(/[.:]$/, '');
    // Two groups and a `::` may be a time or a name of C++; an address in text has more, and digits.
    return address.split(':').length >= 4 && /\d/.test(address) && parseIp(address) !== null
      ? start + address.length
      : -1;
  },
);

export const ipFinders: readonly TextFinder[] = [ipv4Finder, ipv6Finder];

export const macFinder = patternFinder(
  'mac',
  Hint.fivePairs,
  /(?<![\w:-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])/g,
  // Small letters alone (ff:ff:ff:ff:ff:ff) are no device.
  (match, start) => (/[\dA-F]/.test(match) ? start + match.length : -1),
);
