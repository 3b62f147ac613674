const FIRST = [
  'Ada',
  'Björn',
  'Chloé',
  'Dmitri',
  'Esra',
  'Femi',
  'Grace',
  'Hana',
  'Ivo',
  'Jun',
  'Kofi',
  'Lucía',
];
const LAST = [
  'Abara',
  'Berg',
  'Costa',
  'Dorn',
  'Eze',
  'Fuchs',
  'García',
  'Holm',
  'Ito',
  'Juhl',
  'Kaya',
  'Łuczak',
];
const CITIES = ['Aarhus', 'Bilbao', 'Cork', 'Dresden', 'Évora', 'Faro', 'Ghent', 'Haarlem'];

/** 15 digits and the Luhn check digit. */
function cardNumber(random: () => number): string {
  let body = '4';
  while (body.length < 15) body += Math.floor(random() * 10);
  let sum = 0;
  for (let i = 0; i < 15; i++) {
    const digit = body.charCodeAt(14 - i) - 48;
    const doubled = i % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return body + ((10 - (sum % 10)) % 10);
}

export interface Customer {
  readonly id: number;
  readonly email: string;
  readonly card: string;
}

export interface NewCustomer extends Customer {
  readonly name: string;
  readonly phone: string;
  readonly city: string;
}

/**
 * The invented people of the demo's shop. E-mail addresses are under example.com (RFC 2606), phone numbers in the range kept for
 * fiction, card numbers pass Luhn and belong to nobody.
 */
export class People {
  readonly #random: () => number;
  readonly #customers: Customer[] = [];
  #next = 1;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Somebody who registered before. */
  pick(): Customer {
    return this.#customers[Math.floor(this.#random() * this.#customers.length)]!;
  }

  city(): string {
    return CITIES[Math.floor(this.#random() * CITIES.length)]!;
  }

  register(): NewCustomer {
    const id = this.#next++;
    const pick = (list: readonly string[]): string => list[Math.floor(this.#random() * list.length)]!;
    const first = pick(FIRST);
    const last = pick(LAST);
    const plain = `${first}.${last}`
      .normalize('NFD')
      .replace(/[^A-Za-z.]/g, '')
      .toLowerCase();
    const customer = { id, email: `${plain}.${id}@example.com`, card: cardNumber(this.#random) };
    this.#customers.push(customer);
    const phone = `+1-${200 + Math.floor(this.#random() * 700)}-555-01${String(Math.floor(this.#random() * 100)).padStart(2, '0')}`;
    return { ...customer, name: `${first} ${last}`, phone, city: pick(CITIES) };
  }
}
