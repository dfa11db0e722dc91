/**
 * The one kind of error whose text the page shows to its user unchanged.
 */

/** Says in one line what is wrong, what was expected, and what to do about it. */
export class ReadableError extends Error {
  override name = 'ReadableError';
}
