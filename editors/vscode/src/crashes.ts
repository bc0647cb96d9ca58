/** So many crashes within this time, and the server is left alone. */
const MAX_CRASHES = 5;
const WITHIN_MS = 3 * 60_000;

/** Counts crashes, to tell a bad moment from a server that cannot run. */
export class Crashes {
  private times: number[] = [];

  constructor(private readonly now: () => number = Date.now) {}

  /** How many there were lately. */
  get count(): number {
    return this.times.length;
  }

  /** Notes a crash; whether the server may be started again. */
  note(): boolean {
    const now = this.now();
    this.times = [...this.times.filter((time) => now - time < WITHIN_MS), now];
    return this.times.length < MAX_CRASHES;
  }

  /** The user starts it again: what was is forgotten. */
  forget(): void {
    this.times = [];
  }
}
