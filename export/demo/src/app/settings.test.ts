import { describe, expect, it } from 'vitest';

import { parse, print, Settings } from './settings';

describe('settings in the address', () => {
  it('leaves out what has its default', () => {
    expect(print(parse(''))).toBe('');
    expect(print(parse('#speed=1&size=56'))).toBe('');
  });

  it('reads back what it writes', () => {
    const hash =
      '#model=l2&size=112&tool=damage&brush=7&speed=1%2F60&hue=35&fire=0.25&digit=3-7&impostors=Y2Ag-_';
    const values = parse(hash);
    expect(values).toMatchObject({
      model: 'l2',
      size: 112,
      tool: 'damage',
      brush: 7,
      speed: '1/60',
      hue: 35,
      fire: 0.25,
      noise: null,
      digit: '3-7',
      impostors: 'Y2Ag-_',
    });
    expect(parse(print(values))).toEqual(values);
  });

  it.each([
    'size=57',
    'size=',
    'brush=0',
    'brush=11',
    'brush=thick',
    'hue=-1',
    'hue=NaN',
    'fire=1.01',
    'speed=3',
    'tool=spoon',
    'impostors=!',
    'model=../../etc',
    'digit=12-3',
    'theme=pink',
    'unknown=1',
  ])('takes the default for %s', (text) => {
    expect(parse(`#${text}`)).toEqual(parse(''));
  });

  it('accepts a noise of zero as a value of its own', () => {
    expect(parse('#noise=0').noise).toBe(0);
    expect(print(parse('#noise=0'))).toBe('#noise=0');
  });
});

describe('Settings', () => {
  it('reports changes and only those', () => {
    const settings = new Settings('#brush=4');
    const reported: string[] = [];
    settings.onChange((key) => reported.push(key));
    settings.set('brush', 4);
    settings.set('brush', 5);
    settings.follow('#brush=5&hue=10');
    expect(reported).toEqual(['brush', 'hue']);
    expect(settings.hash()).toBe('#brush=5&hue=10');
    expect(settings.get('cells')).toBe('');
  });

  it('takes the given values for texts that an address lacks', () => {
    const settings = new Settings('#model=l2&digit=3-1');
    settings.follow('#digit=4-0', { model: 'ce', digit: '5-5' });
    expect([settings.get('model'), settings.get('digit')]).toEqual(['ce', '4-0']);
  });
});
