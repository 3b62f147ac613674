export { normalText } from '../../../src/reconcile/normal-text.ts';
