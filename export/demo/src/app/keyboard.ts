/**
 * Keys: what each does, in one table that also fills the help.
 */

import { element } from './elements';

/** A key, or several that do the same. */
interface Shortcut {
  readonly keys: readonly string[];
  readonly says: string;
  /** A button to press, or a control to move. */
  readonly act: () => void;
}

const press = (id: string) => (): void => element(id, HTMLButtonElement).click();

/** Moves a slider or a choice by `by` places, as a user would. */
const move = (id: string, by: number) => (): void => {
  const control = document.getElementById(id);
  if (control instanceof HTMLInputElement) {
    control.stepUp(by);
    control.dispatchEvent(new Event('input'));
  } else if (control instanceof HTMLSelectElement) {
    const offered = [...control.options].filter((o) => !o.disabled && o.value !== 'open');
    const at = offered.findIndex((option) => option.selected);
    control.value = offered[(at + by + offered.length) % offered.length].value;
    control.dispatchEvent(new Event('change'));
  }
};

const SHORTCUTS: readonly Shortcut[] = [
  { keys: [' '], says: 'play or pause', act: press('play') },
  { keys: ['s'], says: 'one step', act: press('step') },
  { keys: ['r'], says: 'reset the states', act: press('reset') },
  { keys: ['u'], says: 'undo (or Ctrl+Z)', act: press('undo') },
  { keys: ['Delete', 'Backspace'], says: 'clear the canvas', act: press('bin') },
  { keys: ['p'], says: 'pencil', act: press('pencil') },
  { keys: ['e'], says: 'eraser', act: press('eraser') },
  { keys: ['d'], says: 'damage', act: press('damage') },
  { keys: ['i'], says: 'impostor', act: press('impostor') },
  { keys: ['['], says: 'thinner brush', act: move('brush', -1) },
  { keys: [']'], says: 'thicker brush', act: move('brush', 1) },
  { keys: ['-'], says: 'slower', act: move('speed', -1) },
  { keys: ['+', '='], says: 'faster', act: move('speed', 1) },
  { keys: ['f'], says: 'fill with digits', act: press('fill') },
  { keys: ['m'], says: 'next model', act: move('model', 1) },
  { keys: ['v'], says: 'votes or channels', act: move('view', 1) },
  { keys: ['?'], says: 'this help', act: press('help') },
];

// Listed in the help, but handled elsewhere.
const MORE: readonly (readonly [string, string])[] = [
  ['0 to 9', 'turn the canvas into that digit'],
  ['Arrows, Enter', 'on the canvas: move the pen, put it down or lift it'],
];

const NAMES: Readonly<Record<string, string>> = { ' ': 'Space' };

/** Listens to keys, unless the focused control needs them itself. */
export function listenToKeys(): void {
  const byKey = new Map(SHORTCUTS.flatMap(({ keys, act }) => keys.map((key) => [key, act])));
  for (let digit = 0; digit < 10; digit++) byKey.set(`${digit}`, press(`digit-${digit}`));
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') {
      event.preventDefault();
      press('undo')();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || keepsKey(event)) return;
    const act = byKey.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!act) return;
    event.preventDefault();
    act();
  });
  listKeys();
}

/** Whether the focused control uses a key itself. */
function keepsKey(event: KeyboardEvent): boolean {
  const { target, key } = event;
  if (target instanceof HTMLSelectElement) return true; // letters and digits choose
  if (target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement) {
    return key === ' ' || key === 'Enter';
  }
  return false;
}

function listKeys(): void {
  const rows = [
    ...SHORTCUTS.map(({ keys, says }) => [keys.map((k) => NAMES[k] ?? k).join(', '), says]),
    ...MORE,
  ].map(([keys, says]) => {
    const row = document.createElement('tr');
    const head = document.createElement('th');
    head.scope = 'row';
    head.textContent = keys.length === 1 ? keys.toUpperCase() : keys;
    row.append(head, Object.assign(document.createElement('td'), { textContent: says }));
    return row;
  });
  element('keys', HTMLTableSectionElement).replaceChildren(...rows);
}
