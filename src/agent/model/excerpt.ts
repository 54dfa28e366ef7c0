/** The beginning of what an endpoint says of its failure. Cut between words: half a secret would pass every redaction. */
export function excerpt(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most + 1);
  return /\s\S*$/.test(head) ? `${head.replace(/\s+\S*$/, '')} …` : '…';
}
