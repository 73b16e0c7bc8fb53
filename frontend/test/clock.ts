// Time as tests want it, for work that is done in pieces.

import { vi } from 'vitest';

/** Makes the clock go on by so many milliseconds whenever someone looks. */
export function clock(milliseconds: number): void {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += milliseconds;
    return now;
  });
}

/** Counts how often the page could have done something else. */
export function turns(): { count: number; stop(): void } {
  const found = { count: 0, stop: () => clearTimeout(timer) };
  const next = () => {
    found.count++;
    timer = setTimeout(next);
  };
  let timer = setTimeout(next);
  return found;
}
