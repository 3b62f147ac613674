import { gdpr } from './gdpr.ts';
import { DROP, inDomain, type Preset, REDACT } from './preset.ts';

/**
 * PCI DSS 4.0.1, requirement 3. Sensitive authentication data do not come along at all (3.3.1); the card number becomes a
 * keyed hash of all its digits (3.5.1.1) and no truncated form of it stands beside, because the two together narrow it
 * down (3.5.1). All that is no account data is treated as under `gdpr`.
 */
export const pci: Preset = {
  ...gdpr,
  name: 'pci',
  title: 'PCI DSS 4.0.1, requirement 3',
  scope:
    'Covers stored account data. Who may see more than BIN and last four digits (3.4.1) does not arise: no digit is left. The mask key falls under key management, 3.6 and 3.7; data of people are treated as under gdpr.',
  classes: {
    ...gdpr.classes,
    pan: { choices: [inDomain('pan')], reference: 'PCI DSS 3.5.1.1 (and 3.4.1: nothing to display)' },
    person_name: {
      ...gdpr.classes.person_name,
      reference: 'PCI DSS 3.2.1 (cardholder name); GDPR Art. 4(5)',
    },
    card_expiry: { choices: [REDACT], reference: 'PCI DSS 3.2.1' },
    card_security_code: { choices: [DROP], reference: 'PCI DSS 3.3.1.1, 3.3.1.2' },
    password: { choices: [DROP], reference: 'PCI DSS 3.3.1.3 (PIN), 8.3.2' },
    secret: { choices: [DROP], reference: 'PCI DSS 8.3.2' },
    free_text: { choices: [REDACT], reference: 'PCI DSS 3.5.1: unreadable anywhere it is stored' },
  },
};
