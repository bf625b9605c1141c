/** Records whose keys somebody chose: `constructor` and `toString` are names there, and not what every object has. */

/** What the record itself has under the key. */
export function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
