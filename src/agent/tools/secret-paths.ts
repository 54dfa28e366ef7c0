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
  'service-account.json',
  'kubeconfig',
  'shadow',
  'environ',
]);

const endings = ['.pem', '.key', '.p12', '.pfx', '.kdbx', '.keystore', '.jks', '.tfstate', '.tfvars'];

/** Samples that are published with the code. */
const samples = ['.example', '.sample', '.template'];

/** @param path relative or absolute, `/` between segments; compared without case. */
export function looksSecret(path: string): boolean {
  const folded = path.toLowerCase();
  // Addresses of remotes with a token in them, those of submodules too.
  if (/(^|\/)\.git\/(.*\/)?config(\.worktree)?$/.test(folded)) return true;
  return folded.split('/').some((segment) => {
    if (samples.some((sample) => segment.endsWith(sample))) return false;
    if (segment === '.env' || segment.startsWith('.env.')) return true;
    if (directories.has(segment) || names.has(segment)) return true;
    return /^id_(rsa|dsa|ecdsa|ed25519)$/.test(segment) || endings.some((ending) => segment.endsWith(ending));
  });
}
