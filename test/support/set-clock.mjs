// Loaded into a process of Rowseal (`node --import`) whose wall clock a test wants to set: a file says by how many
// milliseconds it is off. Timers and performance.now() go on as ever, as they do when somebody sets the clock of a machine.
import { readFileSync } from 'node:fs';

const RealDate = Date;
const offset = () => {
  try {
    return Number(readFileSync(process.env.ROWSEAL_TEST_CLOCK, 'utf8')) || 0;
  } catch {
    return 0;
  }
};

globalThis.Date = class extends RealDate {
  constructor(...of) {
    super(...(of.length === 0 ? [RealDate.now() + offset()] : of));
  }

  static now() {
    return RealDate.now() + offset();
  }
};
