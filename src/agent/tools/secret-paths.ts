/** File names that usually hold keys or passwords: reading one of them asks, also inside the workspace. */

const directories = new Set([
  '.ssh',
  '.aws',
  '.gnupg',
  '.kube',
  '.docker',
  '.azure',
  '.gcloud',
  '.password-store',
]);

const names = new Set([
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.pgpass',
  '.git-credentials',
  '.htpasswd',
  '.envrc',
  'credentials',
  'credentials.json',
  'secrets.json',
  'secrets.yaml',
  'secrets.yml',
  'shadow',
  'environ',
]);

const endings = ['.pem', '.key', '.p12', '.pfx', '.kdbx', '.keystore', '.jks'];

/** Samples that are published with the code. */
const samples = ['.example', '.sample', '.template'];

/** @param path relative or absolute, `/` between segments; compared without case. */
export function looksSecret(path: string): boolean {
  return path
    .toLowerCase()
    .split('/')
    .some((segment) => {
      if (samples.some((sample) => segment.endsWith(sample))) return false;
      if (segment === '.env' || segment.startsWith('.env.')) return true;
      if (directories.has(segment) || names.has(segment)) return true;
      return (
        /^id_(rsa|dsa|ecdsa|ed25519)$/.test(segment) || endings.some((ending) => segment.endsWith(ending))
      );
    });
}
