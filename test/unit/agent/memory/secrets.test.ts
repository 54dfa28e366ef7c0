/** What must never be remembered is seen; what people say every day is not taken for it. */
import { describe, expect, test } from 'vitest';
import { secretIn } from '../../../../src/agent/memory/secrets.ts';

/** Put together here, so that no scanner takes this file for a leak. */
const made = (...parts: string[]) => parts.join('');

describe('secretIn', () => {
  test.each([
    'The wifi password is hunter2hunter2',
    'password: correct-horse',
    'Passwort ist geheim123',
    'PIN code: 4711',
    'API_KEY="abc123def"',
    'the api key is `abc123def`',
    'パスワードは「さくら2024」です',
    '密码是hunter2',
    'The password for the wifi is hunter2x',
    'The password of the staging server was set to hunter2x',
    "Ana's password's hunter2x",
    'wifi password hunter2x, guest network',
    'Das Kennwort lautet geheim',
    'Das Passwort für das WLAN ist geheim123',
    'mot de passe : bonjour',
    'La contraseña es hola',
    'пароль: секрет',
    'password => hunter2x',
    'The PIN of the back door is 4711',
    'The door code is 4711',
    'login: ana / hunter2x',
    'seed phrase: witch collapse practice',
    'postgres://app:s3cret@db.example.com/app',
    made('-----BEGIN OPENSSH ', 'PRIVATE KEY-----'),
    made('AKIA', 'IOSFODNN7EXAMPLE'),
    made('gh', 'p_16C7e42F292c6912E7710c838347Ae178B4a'),
    made('xox', 'b-123456789012-abcdefghijkl'),
    made('sk', '-proj-abcdefghijklmnop1234'),
    made('Authorization: Bear', 'er abcdefghijklmnopqrstu'),
    made('eyJ', 'hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl'),
    made('123456789:', 'AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1'),
    'it is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b',
    'use aB3dE5fG7hJ9kL1mN3pQ5rS7',
  ])('A30: sees %s', (text) => {
    expect(secretIn(text)).not.toBeNull();
  });

  test.each([
    'Ana prefers metric units and short answers.',
    'The password policy asks for twelve characters.',
    'The password manager of the team is 1Password.',
    'The password for the wifi is in the safe.',
    'The token limit is 4096, the API key rotation is 2026-12-01.',
    'The token standard is OAuth2.0; error code: 5003, zip code: 10115.',
    'Login page: /login, credentials come from Vault.',
    'The docs for API keys are at docs/api-keys-v2.md',
    'We rotate keys every quarter; Bo is in charge of tokens.',
    'The office is at https://example.com/berlin/contact',
    'Release notes live in docs/releases/2026-november-overview.md',
    'Her number is +49 30 1234567, room 4.12',
    'Call the function computeQuarterlyRevenueByRegion first.',
    'Donaudampfschifffahrtsgesellschaftskapitän is her favourite word',
    '会議は金曜日の三時、場所は東京です',
    'The invoice 2026-11-0042 was paid on 2026-11-20.',
  ])('lets %s pass', (text) => {
    expect(secretIn(text)).toBeNull();
  });
});
