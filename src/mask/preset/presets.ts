import { gdpr } from './gdpr.ts';
import { hipaa } from './hipaa.ts';
import { pci } from './pci.ts';
import type { Preset, PresetName } from './preset.ts';

export const PRESET_NAMES: readonly PresetName[] = ['gdpr', 'hipaa', 'pci'];

/** @param year the present one; what «over 89» means depends on it */
export function presetOf(name: PresetName, year: number): Preset {
  switch (name) {
    case 'gdpr':
      return gdpr;
    case 'hipaa':
      return hipaa(year);
    case 'pci':
      return pci;
  }
}
