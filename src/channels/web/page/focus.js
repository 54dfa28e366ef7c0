/** Puts the cursor into a field when it appears. */
import { useLayoutEffect, useRef } from './preact.js';

export function useFocus() {
  const field = useRef(null);
  useLayoutEffect(() => field.current.focus(), []);
  return field;
}
