/**
 * The one kind of error that the page shows to its user as it stands.
 */

/** Says in one line what is wrong, what was expected, and what to do about it. */
export class ReadableError extends Error {
  override name = 'ReadableError';
}
