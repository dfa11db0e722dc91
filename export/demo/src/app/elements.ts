/**
 * The page's elements, found once and with their types.
 */

/** The element of index.html with this id. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} ${id}`);
  return found;
}

export const button = (id: string): HTMLButtonElement => element(id, HTMLButtonElement);
export const slider = (id: string): HTMLInputElement => element(id, HTMLInputElement);
export const select = (id: string): HTMLSelectElement => element(id, HTMLSelectElement);
export const canvas = (id: string): HTMLCanvasElement => element(id, HTMLCanvasElement);

/**
 * Draws on a canvas in CSS pixels, sharp on dense displays.
 *
 * @param draw gets the context, cleared, and the canvas's size in CSS pixels.
 */
export function onPlot(
  plot: HTMLCanvasElement,
  draw: (context: CanvasRenderingContext2D, width: number, height: number) => void,
): void {
  const { clientWidth: width, clientHeight: height } = plot;
  if (width === 0 || height === 0) return; // hidden
  const density = window.devicePixelRatio;
  const [columns, rows] = [Math.round(width * density), Math.round(height * density)];
  if (plot.width !== columns || plot.height !== rows) [plot.width, plot.height] = [columns, rows];
  const context = plot.getContext('2d');
  if (!context) return;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  draw(context, width, height);
}
