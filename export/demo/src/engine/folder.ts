/**
 * Where exported models are: in a folder on the page's own server, or on the user's disk.
 */

import { ReadableError } from './readable_error';

/** What to do about a damaged model. */
export const REMEDY = 'Export the model again: python -m export.tfjs';

/** The files of an exported model. */
export interface Folder {
  /** Its name, for messages. */
  readonly name: string;
  /** @throws ReadableError there is no such file. */
  bytes(path: string): Promise<ArrayBuffer>;
}

/** A folder that the page's own server has. */
export function servedFolder(url: string): Folder {
  return { name: url, bytes: (path) => fetchBytes(`${url}/${path}`) };
}

/** A folder that the user has picked from the disk. */
export function pickedFolder(files: readonly File[]): Folder {
  const byPath = new Map(files.map((file) => [withoutRoot(file), file]));
  return {
    name: files[0]?.webkitRelativePath.split('/')[0] ?? 'folder',
    bytes: async (path) => {
      const file = byPath.get(path);
      if (!file) throw new ReadableError(`The folder has no ${path}. ${REMEDY}`);
      return file.arrayBuffer();
    },
  };
}

/**
 * Fetches a JSON file of the page's own server.
 *
 * @throws ReadableError it isn't there, or isn't JSON.
 */
export async function fetchJson(url: string): Promise<unknown> {
  return parseJson(await fetchBytes(url), url);
}

async function fetchBytes(url: string): Promise<ArrayBuffer> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch {
    throw new ReadableError(`${url}: no answer from the server. Is it still running?`);
  }
  if (!response.ok) {
    throw new ReadableError(`${url}: the server says ${response.status}. ${REMEDY}`);
  }
  return response.arrayBuffer();
}

/** @throws ReadableError it isn't JSON. */
export function parseJson(bytes: ArrayBuffer, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new ReadableError(`${file}: damaged, it isn't JSON. ${REMEDY}`);
  }
}

function withoutRoot(file: File): string {
  return file.webkitRelativePath.split('/').slice(1).join('/');
}
