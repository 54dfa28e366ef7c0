/** Where Parley is installed: absolute, the folder of `package.json`. */
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');
