/** Works `work` out once for each object that it is given, as long as that lives. None of them may ever change. */
export function memoize<Key extends object, Value extends {}>(
  work: (key: Key) => Value,
): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      value = work(key);
      known.set(key, value);
    }
    return value;
  };
}
