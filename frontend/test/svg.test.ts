import { describe, expect, test } from 'vitest';
import { packed, toCss } from '../src/palette';
import { finished } from '../src/pieces';
import { escaped, rectangles, SvgContext } from '../src/svg';
import { pixelDifference, seeded, whole } from './samples';

const draw = seeded(161);

interface Element {
  name: string;
  attributes: Record<string, string>;
  children: (Element | string)[];
}

/** Parses XML as strictly as its specification (W3C, 2008) wants it, as far as it is used here. */
function parsed(xml: string): Element {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those that XML may not have
  expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/u);
  const text = (raw: string) => {
    expect(raw).not.toContain('<');
    return raw.replace(/&(#(\d+);)?/g, (_, whole, code) => {
      if (!whole) throw new Error(`an ampersand that begins nothing: ${raw}`);
      return String.fromCodePoint(Number(code));
    });
  };
  const root: Element = { name: '', attributes: {}, children: [] };
  const open = [root];
  let rest = xml;
  while (rest) {
    const [all, content, tag] = /^([^<]*)(<[^>]*>)?/.exec(rest) as RegExpExecArray;
    if (content) open[0].children.push(text(content));
    rest = rest.slice(all.length);
    if (!tag) continue;
    const closing = /^<\/(\w+)>$/.exec(tag);
    if (closing) {
      if (open.shift()?.name !== closing[1]) throw new Error(`${tag} closes nothing`);
      continue;
    }
    const opening = /^<(\w+)((?: [\w-]+="[^"<]*")*)(\/?)>$/.exec(tag);
    if (!opening) throw new Error(`not a tag: ${tag}`);
    const attributes: Record<string, string> = {};
    for (const [, name, value] of opening[2].matchAll(/ ([\w-]+)="([^"]*)"/g)) {
      if (name in attributes) throw new Error(`${name} twice: ${tag}`);
      attributes[name] = text(value);
    }
    const element: Element = { name: opening[1], attributes, children: [] };
    open[0].children.push(element);
    if (!opening[3]) open.unshift(element);
  }
  if (open.length > 1) throw new Error(`${open[0].name} is not closed`);
  const elements = root.children.filter((child) => typeof child !== 'string');
  expect(elements).toHaveLength(1);
  return elements[0];
}

type Point = [x: number, y: number];

interface Shape extends Element {
  text: string;
  /** Where a point of the shape comes to lie in the picture. */
  at: (point: Point) => Point;
  opacity: number;
  /** What it is clipped to: the path and where its points come to lie. */
  clip: { path: string; at: (point: Point) => Point } | null;
}

function mapping(transform = ''): (point: Point) => Point {
  const steps = [...transform.matchAll(/(\w+)\(([-\d.]+) ?([-\d.]+)?\)/g)];
  expect(steps.map(([step]) => step).join(' ')).toBe(transform);
  // The last one is nearest to the shape.
  return (point) =>
    steps.reduceRight<Point>(([x, y], [, name, a, b]) => {
      if (name === 'translate') return [x + Number(a), y + Number(b)];
      const angle = (Number(a) * Math.PI) / 180;
      return [x * Math.cos(angle) - y * Math.sin(angle), x * Math.sin(angle) + y * Math.cos(angle)];
    }, point);
}

/** What is drawn, in order, with all that is said of it in the groups around it. */
function shapesIn(svg: SvgContext): Shape[] {
  const clips = new Map<string, Shape['clip']>();
  const shapes: Shape[] = [];
  const visit = (element: Element, around: Pick<Shape, 'at' | 'opacity' | 'clip'>) => {
    const { name, attributes, children } = element;
    if (name === 'clipPath') {
      const [path] = children as Element[];
      expect(clips.has(attributes.id)).toBe(false);
      clips.set(attributes.id, { path: path.attributes.d, at: mapping(path.attributes.transform) });
      return;
    }
    const own = mapping(attributes.transform);
    const [, id] = /^url\(#(.*)\)$/.exec(attributes['clip-path'] ?? '') ?? [];
    const here = {
      at: (point: Point) => around.at(own(point)),
      opacity: around.opacity * Number(attributes.opacity ?? 1),
      clip: id === undefined ? around.clip : (clips.get(id) as Shape['clip']),
    };
    expect(here.clip).toBeDefined();
    if (name === 'g' || name === 'svg') {
      for (const child of children) if (typeof child !== 'string') visit(child, here);
    } else shapes.push({ ...element, text: children.join(''), ...here });
  };
  visit(parsed(finished(svg.texts()).join('')), { at: (point) => point, opacity: 1, clip: null });
  return shapes.slice(1); // the first is the ground
}

function numbersIn(text: string): number[] {
  return (text.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
}

describe('rectangles', () => {
  test('cover each pixel once, in its color', () => {
    for (let round = 0; round < 100; round++) {
      const [side, colors] = [whole(draw, 1, 30), whole(draw, 1, 5)];
      const block = whole(draw, 1, 6);
      const shades = Array.from({ length: 1000 }, () => whole(draw, 1, colors));
      const pixels = Uint32Array.from({ length: side * side }, (_, at) => {
        const [x, y] = [Math.floor((at % side) / block), Math.floor(at / side / block)];
        return shades[y * 31 + x];
      });
      const painted = new Uint32Array(side * side);
      let area = 0;
      for (const { x, y, width, height, color } of finished(rectangles(pixels, side))) {
        area += width * height;
        for (let row = y; row < y + height; row++) painted.fill(color, row * side + x, row * side + x + width);
      }
      expect(pixelDifference(painted, pixels, side)).toBeNull();
      expect(area).toBe(side * side);
    }
  });

  test('are as large as runs of the same width allow', () => {
    expect(finished(rectangles(new Uint32Array(49).fill(7), 7))).toEqual([{ x: 0, y: 0, width: 7, height: 7, color: 7 }]);
    const squares = Uint32Array.from({ length: 64 }, (_, at) => (Math.floor((at % 8) / 4) + 2 * Math.floor(at / 32)) % 3);
    expect(finished(rectangles(squares, 8))).toHaveLength(4);
    expect(finished(rectangles(Uint32Array.of(1, 1, 1, 2), 2))).toHaveLength(3);
  });
});

describe('SvgContext', () => {
  test('is a picture of its size on its ground', () => {
    const { name, attributes, children } = parsed(finished(new SvgContext(320, 200.5, 'rgb(1, 2, 3)').texts()).join(''));
    expect(name).toBe('svg');
    expect(attributes).toEqual({ xmlns: 'http://www.w3.org/2000/svg', width: '320', height: '200.5', viewBox: '0 0 320 200.5' });
    const [ground, ...more] = children.filter((child) => typeof child !== 'string');
    expect(ground).toMatchObject({ name: 'rect', attributes: { width: '100%', height: '100%', fill: 'rgb(1, 2, 3)' } });
    expect(more).toEqual([]);
  });

  test('draws pixels as rectangles that make them up', () => {
    const side = 24;
    const view = { x: -3, y: -5, k: 2 };
    const expected = Uint32Array.from({ length: side * side }, (_, at) => packed(at % 3, Math.floor(at / 60), 200));
    const svg = new SvgContext(side, side, 'white');
    svg.drawPixels(side, view, (pixels, within, camera) => {
      expect([pixels.length, within, camera]).toEqual([side * side, side, view]);
      pixels.set(expected);
    });
    const byCss = new Map([...expected].map((color) => [toCss(color), color]));
    const painted = new Uint32Array(side * side);
    for (const { name, attributes } of shapesIn(svg)) {
      expect(name).toBe('rect');
      const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((key) => Number(attributes[key]));
      const color = byCss.get(attributes.fill) as number;
      for (let row = y; row < y + height; row++) painted.fill(color, row * side + x, row * side + x + width);
    }
    expect(pixelDifference(painted, expected, side)).toBeNull();
    expect(finished(svg.texts()).join('')).toContain('<g shape-rendering="crispEdges">'); // no seams between them
  });

  const HOSTILE = [
    '</text><script>alert(1)</script>',
    '"><a href="javascript:alert(1)">',
    ']]>&lt;!--',
    '&amp; &#0;',
    "'\\u0000'",
    'ünï 東 🐈 \u202e',
    '  two  spaces ',
    '',
  ];

  test.each(HOSTILE)('text is text, whatever it says: %s', (text) => {
    const svg = new SvgContext(10, 10, 'white');
    svg.fillText(text, 1, 2);
    const shapes = shapesIn(svg);
    expect(shapes.map(({ name, text: found }) => [name, found])).toEqual([['text', text]]);
  });

  test('what XML cannot say is replaced by a sign for it', () => {
    expect(escaped('a\u0000b\u001fc\td\ne')).toBe('a\ufffdb\ufffdc\td\ne');
    expect(escaped('\ud83d \udc08 \ud83d\udc08 \ufffe\uffff')).toBe('\ufffd \ufffd \ud83d\udc08 \ufffd\ufffd');
    for (let round = 0; round < 50; round++) {
      const text = Array.from({ length: 20 }, () => String.fromCharCode(whole(draw, 0, round % 2 ? 127 : 65_535))).join('');
      const svg = new SvgContext(10, 10, 'white');
      svg.fillText(text, 0, 0);
      const [{ text: found }] = shapesIn(svg);
      expect(found.replaceAll('\ufffd', '')).toBe(
        [...text].filter((letter) => found.includes(letter) && letter !== '\ufffd').join(''),
      );
      expect([...found]).toHaveLength([...text].length);
    }
  });

  test('texts have their place, alignment, font and color', () => {
    const svg = new SvgContext(10, 10, 'white');
    svg.font = '500 12px Roboto, "Segoe UI"';
    svg.fillStyle = '#123456';
    for (const align of ['left', 'center', 'right', 'start']) {
      svg.textAlign = align;
      svg.textBaseline = align === 'center' ? 'middle' : 'alphabetic';
      svg.fillText('x', 1.005, -2.3333);
    }
    const shapes = shapesIn(svg).map(({ attributes }) => attributes);
    expect(shapes.map((one) => one['text-anchor'])).toEqual(['start', 'middle', 'end', 'start']);
    expect(shapes.map((one) => one['dominant-baseline'])).toEqual([undefined, 'central', undefined, undefined]);
    for (const { x, y, style, fill } of shapes) {
      expect([Number(x), Number(y)]).toEqual([1, -2.33]);
      expect([style, fill]).toEqual(['font:500 12px Roboto, "Segoe UI"', '#123456']);
    }
  });

  test('paths are stroked and filled, and end where a new one begins', () => {
    const svg = new SvgContext(10, 10, 'white');
    svg.strokeStyle = 'red';
    svg.fillStyle = 'blue';
    svg.lineWidth = 1.5;
    svg.beginPath();
    svg.moveTo(1, 2.125);
    svg.lineTo(3, 4);
    svg.stroke();
    svg.fill();
    svg.beginPath();
    svg.rect(5, 6, 7, 8);
    svg.fill();
    svg.fillRect(1, 2, 3, 4);
    svg.strokeRect(-0.5, -0.5, 9, 9);
    expect(shapesIn(svg).map(({ name, attributes }) => ({ name, ...attributes }))).toEqual([
      { name: 'path', d: 'M1 2.13L3 4', fill: 'none', stroke: 'red', 'stroke-width': '1.5' },
      { name: 'path', d: 'M1 2.13L3 4', fill: 'blue' },
      { name: 'path', d: 'M5 6h7v8h-7z', fill: 'blue' },
      { name: 'rect', x: '1', y: '2', width: '3', height: '4', fill: 'blue' },
      { name: 'rect', x: '-0.5', y: '-0.5', width: '9', height: '9', fill: 'none', stroke: 'red', 'stroke-width': '1.5' },
    ]);
  });

  test('moves, turns and fades what follows, until it is restored, as a canvas does', () => {
    for (let round = 0; round < 40; round++) {
      const svg = new SvgContext(100, 100, 'white');
      // A canvas: how points move, and how much is seen of what is drawn.
      let [move, alpha]: [(point: Point) => Point, number] = [(point) => point, 1];
      const saved: (typeof move)[] = [];
      const alphas: number[] = [];
      const expected: { at: Point; opacity: number }[] = [];
      for (let step = 0; step < 40; step++) {
        const before = move;
        switch (whole(draw, 0, 5)) {
          case 0: {
            const [dx, dy] = [whole(draw, -50, 50), whole(draw, -50, 50) / 4];
            svg.translate(dx, dy);
            move = ([x, y]) => before([x + dx, y + dy]);
            break;
          }
          case 1: {
            const quarter = whole(draw, -3, 3);
            svg.rotate((quarter * Math.PI) / 2);
            const [cos, sin] = [
              [1, 0],
              [0, 1],
              [-1, 0],
              [0, -1],
            ][(quarter + 4) % 4];
            move = ([x, y]) => before([x * cos - y * sin, x * sin + y * cos]);
            break;
          }
          case 2:
            svg.save();
            saved.push(move);
            alphas.push(alpha);
            break;
          case 3:
            svg.restore(); // also where nothing was saved
            move = saved.pop() ?? move;
            alpha = alphas.pop() ?? alpha;
            break;
          case 4:
            alpha = whole(draw, 1, 4) / 4;
            svg.globalAlpha = alpha;
            break;
          default:
            svg.fillText('x', 3, 7);
            expected.push({ at: move([3, 7]), opacity: alpha });
        }
      }
      const shapes = shapesIn(svg);
      expect(shapes).toHaveLength(expected.length);
      for (const [i, { at, opacity, attributes }] of shapes.entries()) {
        const [x, y] = at([Number(attributes.x), Number(attributes.y)]);
        expect(x).toBeCloseTo(expected[i].at[0], 6);
        expect(y).toBeCloseTo(expected[i].at[1], 6);
        expect(opacity).toBe(expected[i].opacity);
      }
    }
  });

  test('saves and restores its styles', () => {
    const svg = new SvgContext(10, 10, 'white');
    const style = () => [
      svg.fillStyle,
      svg.strokeStyle,
      svg.lineWidth,
      svg.globalAlpha,
      svg.font,
      svg.textAlign,
      svg.textBaseline,
    ];
    const before = style();
    svg.save();
    Object.assign(svg, {
      fillStyle: 'a',
      strokeStyle: 'b',
      lineWidth: 9,
      globalAlpha: 0.5,
      font: 'c',
      textAlign: 'right',
      textBaseline: 'middle',
    });
    svg.save();
    svg.fillStyle = 'd';
    svg.restore();
    expect(style()).toEqual(['a', 'b', 9, 0.5, 'c', 'right', 'middle']);
    svg.restore();
    expect(style()).toEqual(before);
  });

  test('clips what follows to a path, where that was when it was made, until it is restored', () => {
    const svg = new SvgContext(100, 100, 'white');
    svg.translate(10, 20);
    for (const side of [30, 40]) {
      svg.save();
      svg.beginPath();
      svg.rect(0, 0, side, side);
      svg.clip();
      svg.translate(5, 0);
      svg.fillRect(1, 2, 3, 4);
      svg.restore();
      svg.fillRect(6, 7, 8, 9);
    }
    const shapes = shapesIn(svg);
    expect(shapes.map(({ at }) => at([0, 0]))).toEqual([
      [15, 20],
      [10, 20],
      [15, 20],
      [10, 20],
    ]);
    expect(shapes.map(({ clip }) => clip && [...clip.at([0, 0]), ...numbersIn(clip.path)])).toEqual([
      [10, 20, 0, 0, 30, 30, -30],
      null,
      [10, 20, 0, 0, 40, 40, -40],
      null,
    ]);
  });
});
