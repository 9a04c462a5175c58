// The values of the golden files: [name, function that makes it, options]. Plain JavaScript, so that Node and
// workerd run the same file. `history: true` marks values whose bytes depend on how they came to be (an array
// that once had a hole, a number field that once held a fraction), which a description cannot tell.

const numbers = {
  zero: 0, one: 1, minusOne: -1, byte: 255, i31max: 2 ** 30 - 1, i31over: 2 ** 30, i31min: -(2 ** 30),
  i31under: -(2 ** 30) - 1, i32max: 2 ** 31 - 1, i32over: 2 ** 31, i32min: -(2 ** 31), i32under: -(2 ** 31) - 1,
  u32max: 2 ** 32 - 1, u32over: 2 ** 32, safe: 2 ** 53 - 1, unsafe: 2 ** 53, minusSafe: -(2 ** 53 - 1),
  half: 0.5, tenth: 0.1, pi: Math.PI, minusHalf: -0.5, minusZero: -0, nan: NaN, infinity: Infinity,
  minusInfinity: -Infinity, greatest: Number.MAX_VALUE, least: Number.MIN_VALUE, epsilon: Number.EPSILON,
  large: 1e21, small: 1e-7, varint1: 63, varint2: 64, varint3: 8191, varint4: 8192, float: Math.fround(0.1),
};

const strings = {
  empty: '', a: 'a', ascii: 'Hello, world', quote: '"\\\n\t\0', inline14: 'fourteen bytes', long15: 'fifteen bytes!!',
  latin1: 'é', latin1Long: 'Ärger über süße Öfen', highLatin1: '\xff', latin1Low: '\x80', euro: '€', greek: 'Καλημέρα',
  emoji: '😀', flag: '🇩🇪', mixed: 'a é € 😀 z', loneHigh: '\ud800', loneLow: '\udfff', loneMiddle: 'a\ud800b',
  swapped: '\udc00\ud800', highAtEnd: 'x\ud83d', nul: '\0', bom: '\ufeff', noncharacter: '\uffff', beyond: '\u{10ffff}',
  digits: '123', minus: '-1', proto: '__proto__', length: 'length', bytes127: 'x'.repeat(127), bytes128: 'x'.repeat(128),
  wide63: '€'.repeat(63), wide64: '€'.repeat(64), wide600: '€😀'.repeat(200), latin600: 'é'.repeat(600),
  ascii600: 'y'.repeat(600),
};

const bigints = {
  zero: 0n, one: 1n, minusOne: -1n, safe: 2n ** 53n, int64max: 2n ** 63n - 1n, int64min: -(2n ** 63n), uint64max: 2n ** 64n - 1n,
  word: 2n ** 64n, minusWord: -(2n ** 64n), twoWords: 2n ** 127n - 1n, large: 3n ** 500n, minusLarge: -(7n ** 300n), zeros: 2n ** 640n,
};

const dates = { epoch: 0, one: 1, before: -1, now: 1763812345678, first: -8.64e15, last: 8.64e15, invalid: NaN, cut: 1.9, cutBelow: -1.9 };

const bytes = (...list) => new Uint8Array(list).buffer;
const counting = (n) => Uint8Array.from({ length: n }, (_, i) => i % 251).buffer;
function fixedStack(error, stack = 'stack') {
  error.stack = stack;
  return error;
}
const withProperties = (object, properties) => Object.assign(object, properties);

export const cases = [];
const add = (name, make, options = {}) => cases.push([name, make, options]);

add('undefined', () => undefined);
add('null', () => null);
add('true', () => true);
add('false', () => false);
// V8 remembers at a literal, and in the shape of an object, which kinds of numbers came by; parsing forgets.
function fresh(pattern, n) {
  const parsed = JSON.parse(pattern.replaceAll('#', Number.isFinite(n) ? (Object.is(n, -0) ? '-0' : String(n)) : '0.5'));
  const put = (value) => typeof value === 'object' && value !== null && (Object.keys(value).forEach((k) => value[k] === 0.5 ? value[k] = n : put(value[k])), value);
  return Number.isFinite(n) ? parsed : typeof parsed === 'number' ? n : put(parsed);
}
for (const [name, kept] of Object.entries(numbers)) {
  const n = fresh('#', kept);
  const options = Number.isFinite(n) ? {} : { history: true };
  add(`number/${name}`, () => n);
  add(`number/${name} in array`, () => fresh('[#]', n), options);
  add(`number/${name} after integer`, () => fresh('[7,#]', n), options);
  add(`number/${name} among others`, () => fresh('[#,"x",null]', n), options);
  add(`number/${name} in object`, () => fresh(`{"n ${name}":#}`, n), options);
  add(`number/${name} boxed`, () => Object(n));
  add(`number/${name} in map`, () => new Map().set(n, n));
}
for (const [name, s] of Object.entries(strings)) {
  add(`string/${name}`, () => s);
  add(`string/${name} at odd offset`, () => ['x', s, s]);
  add(`string/${name} as name`, () => ({ [s]: 1, z: s }));
  add(`string/${name} boxed`, () => Object(s));
  add(`string/${name} in set`, () => new Set([s, 'other']));
}
add('string/20000', () => 'z'.repeat(20000));
for (const [name, n] of Object.entries(bigints)) {
  add(`bigint/${name}`, () => n);
  add(`bigint/${name} boxed`, () => Object(n));
  add(`bigint/${name} in map`, () => new Map([[n, [n]]]));
}
for (const [name, ms] of Object.entries(dates)) {
  add(`date/${name}`, () => new Date(ms));
  add(`date/${name} in array`, () => [new Date(ms), ms]);
}

add('boxed/true', () => Object(true));
add('boxed/false', () => Object(false));
add('boxed/shared', () => { const b = Object(1); return [b, b, Object(1)]; });

for (const flags of ['', 'g', 'i', 'm', 's', 'u', 'y', 'd', 'v', 'gi', 'dgimsuy', 'dgimsvy']) {
  add(`regexp/flags ${flags}`, () => new RegExp('a+', flags));
}
add('regexp/empty', () => new RegExp(''));
add('regexp/slash', () => new RegExp('a/b\n'));
add('regexp/latin1', () => /é/);
add('regexp/wide', () => /€/u);
add('regexp/wide at other offset', () => ['x', /€/u]);

add('array/empty', () => []);
add('array/integers', () => [1, 2, 3]);
add('array/doubles', () => [1.5, 2, -0]);
add('array/one double', () => [1, 2, 3, 4.5]);
add('array/mixed', () => [1, 'two', null, true, undefined, 2.5]);
add('array/undefined', () => [undefined]);
add('array/undefined among integers', () => [1, undefined, 2]);
add('array/undefined among doubles', () => [1.5, undefined, 2.5]);
add('array/undefined first', () => [undefined, 0.5]);
add('array/undefined and null', () => [undefined, null, 1.5]);
add('array/undefined and text', () => [undefined, 'a']);
add('array/null', () => [null, 1, 2.5]);
add('array/nested', () => [[], [[]], [[1], [2.5]]]);
add('array/hole', () => [1, , 3]);
add('array/hole first', () => [, 'a']);
add('array/hole last', () => ['a', ,]);
add('array/only holes', () => new Array(5));
add('array/hole and undefined', () => [, undefined, null]);
add('array/hole among doubles', () => [1.5, , 2]);
add('array/far', () => withProperties([], { 1000000: 'far' }));
add('array/farthest', () => withProperties([], { 4294967294: 1 }));
add('array/far and near', () => withProperties([0, 1], { 5: 5, 70000: 7 }));
add('array/length only', () => { const a = []; a.length = 4294967295; return a; });
add('array/named', () => withProperties([1, 2], { foo: 'bar', 'a-b': null, '-1': 3 }));
add('array/named and holes', () => withProperties([1, , 3], { foo: 'bar' }));
add('array/named wide', () => withProperties([], { '€': '€' }));
add('array/match', () => 'xay'.match(/a/), { history: true });
add('array/300', () => Array.from({ length: 300 }, (_, i) => i));
add('array/300 strings', () => Array.from({ length: 300 }, (_, i) => `s${i}`));
add('array/filled', () => new Array(3).fill(0), { history: true });
add('array/preallocated', () => { const a = new Array(3); a[0] = 'a'; a[1] = 1; a[2] = 2.5; return a; }, { history: true });
add('array/popped', () => { const a = [1, 2.5, 'x']; a.pop(); return a; }, { history: true });
add('array/hole filled', () => { const a = [1, , 3]; a[1] = 2; return a; }, { history: true });

add('object/empty', () => ({}));
add('object/one', () => ({ a: 1 }));
add('object/order', () => ({ z: 1, a: 2, m: 3 }));
add('object/undefined', () => ({ a: undefined, b: null }));
add('object/indices', () => ({ b: 1, 2: 'two', 1: 'one', a: 2, 0: 'zero' }));
add('object/great indices', () => ({ 4294967294: 1, 4294967295: 2, 4294967296: 3, 1073741823: 4, 1073741824: 5, 2147483648: 6 }));
add('object/odd names', () => ({ '01': 1, '-0': 2, '-1': 3, '1.5': 4, '1e3': 5, ' 1': 6, '': 7, '+1': 8 }));
add('object/nested', () => ({ a: { b: { c: { d: 1 } } } }));
add('object/no prototype', () => withProperties(Object.create(null), { a: 1 }));
add('object/instance', () => new (class P { constructor() { this.x = 1; } })());
add('object/symbols skipped', () => ({ [Symbol('s')]: 1, a: 2 }));
add('object/own __proto__', () => JSON.parse('{"__proto__":{"a":1},"b":2}'));
add('object/getter', () => ({ get a() { return 1.5; } }));
add('object/40 properties', () => Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`name${i}`, i])));
add('object/200 properties', () => Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, { i }])));
add('object/100 indices', () => Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i * 7, i])));
add('object/double field', () => { const f = (x) => ({ x }); f(1.5); const o = f(2.5); o.x = 2; return o; }, { history: true });

add('map/empty', () => new Map());
add('map/kinds of keys', () => new Map([['a', 1], [1, 'n'], [{ o: 1 }, [1]], [NaN, 'nan'], [undefined, null], [null, undefined], [true, false], [1n, 2n]]));
add('map/nested', () => new Map([['k', new Map([['k2', new Set([1])]])]]));
add('map/-0', () => new Map([[-0, -0]]));
add('map/100', () => new Map(Array.from({ length: 100 }, (_, i) => [`k${i}`, i])));
add('set/empty', () => new Set());
add('set/kinds', () => new Set([1, 'a', new Date(1), NaN, undefined, null, true, 5n, [], {}]));
add('set/100', () => new Set(Array.from({ length: 100 }, (_, i) => i / 2)), { history: true });

add('buffer/empty', () => new ArrayBuffer(0));
add('buffer/bytes', () => bytes(0, 255, 1));
add('buffer/600', () => counting(600));
add('buffer/shared', () => { const b = bytes(1, 2); return [b, b]; });
add('buffer/resizable', () => new ArrayBuffer(2, { maxByteLength: 16 }));
add('buffer/resizable empty', () => new ArrayBuffer(0, { maxByteLength: 0 }));
add('buffer/resizable huge', () => new ArrayBuffer(1, { maxByteLength: 1 << 28 }));

const kinds = ['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
  'Float16Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'].filter((kind) => globalThis[kind]);
for (const kind of kinds) {
  const View = globalThis[kind];
  const size = View.BYTES_PER_ELEMENT;
  add(`view/${kind}`, () => new View(counting(4 * size)));
  add(`view/${kind} empty`, () => new View(0));
  add(`view/${kind} part`, () => new View(counting(4 * size), size, 2));
  add(`view/${kind} tracking`, () => new View(new ArrayBuffer(3 * size, { maxByteLength: 8 * size })));
  add(`view/${kind} tracking part`, () => new View(new ArrayBuffer(3 * size, { maxByteLength: 8 * size }), size));
  add(`view/${kind} of resizable`, () => new View(new ArrayBuffer(3 * size, { maxByteLength: 8 * size }), size, 1));
}
add('view/DataView', () => new DataView(bytes(1, 2, 3, 4), 1, 2));
add('view/DataView whole', () => new DataView(bytes(1, 2, 3, 4)));
add('view/DataView tracking', () => new DataView(new ArrayBuffer(4, { maxByteLength: 16 }), 1));
add('view/DataView of resizable', () => new DataView(new ArrayBuffer(4, { maxByteLength: 16 }), 1, 2));
add('view/two of one buffer', () => { const b = bytes(1, 2, 3, 4); return [new Uint8Array(b, 0, 2), new Uint16Array(b, 2, 1)]; });
add('view/buffer first', () => { const b = bytes(1, 2); const v = new Uint8Array(b); return [b, v, v, new DataView(b)]; });
add('view/view first', () => { const b = bytes(1, 2); const v = new Uint8Array(b); return [v, b, v]; });
add('view/two buffers', () => [bytes(1), new Uint8Array(bytes(2)), bytes(3)]);
add('view/in object', () => ({ data: new Uint8Array(bytes(9)), also: 1 }));
add('view/as map key', () => new Map([[new Uint8Array(bytes(9)), new Float64Array(1)]]));

for (const kind of ['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError']) {
  add(`error/${kind}`, () => fixedStack(new globalThis[kind]('message')));
  add(`error/${kind} with cause`, () => fixedStack(new globalThis[kind]('message', { cause: [kind] })));
}
add('error/no message', () => fixedStack(new Error()));
add('error/empty message', () => fixedStack(new Error('')));
add('error/no stack', () => fixedStack(new Error('m'), undefined));
add('error/wide', () => fixedStack(new Error('€'), '€ at é'));
add('error/wide at other offset', () => [fixedStack(new TypeError('€'), 'é')]);
add('error/cause undefined', () => fixedStack(new Error('m', { cause: undefined })));
add('error/cause error', () => fixedStack(new Error('outer', { cause: fixedStack(new RangeError('inner')) })));
add('error/cause shared', () => { const o = { a: 1 }; return [fixedStack(new Error('m', { cause: o })), o]; });
add('error/named', () => withProperties(fixedStack(new Error('m')), { name: 'Custom', extra: 1 }));
add('error/subclass', () => fixedStack(new (class Mine extends TypeError {})('m')));

add('shared/object twice', () => { const o = { a: 1 }; return [o, o]; });
add('shared/equal but not same', () => [{ a: 1 }, { a: 1 }]);
add('shared/deep', () => { const s = [1]; return { a: { s }, b: [s, { s }] }; });
add('shared/string', () => { const s = 'abc'.repeat(9); return [s, s]; });
add('shared/date and regexp', () => { const d = new Date(5); const r = /x/; return [d, r, d, r]; });
add('shared/map key', () => { const k = {}; return [k, new Map([[k, k]]), new Set([k])]; });
add('shared/error', () => { const e = fixedStack(new Error('m')); return [e, e]; });
add('shared/diamonds', () => { let o = { end: true }; for (let i = 0; i < 12; ++i) o = { l: o, r: o }; return o; });
add('cycle/object', () => { const o = {}; o.self = o; return o; });
add('cycle/array', () => { const a = [1]; a.push(a); return a; });
add('cycle/map', () => { const m = new Map(); m.set(m, m); m.set('k', [m]); return m; });
add('cycle/set', () => { const s = new Set(); s.add(s); s.add([s]); return s; });
add('cycle/two', () => { const a = { n: 'a' }; const b = { n: 'b', a }; a.b = b; return [a, b]; });
add('cycle/parents', () => { const root = { name: 'root', children: [] }; for (const name of ['x', 'y']) root.children.push({ name, parent: root, siblings: root.children }); return root; });
add('cycle/list', () => { let first = { i: 0 }, last = first; for (let i = 1; i < 20; ++i) last = last.next = { i, previous: last }; last.next = first; first.previous = last; return first; });
add('cycle/error', () => { const o = {}; o.e = fixedStack(new Error('m', { cause: o })); return o; });
add('cycle/sparse', () => { const a = [, 1]; a[0] = a; a.me = a; return a; }, { history: true });

add('deep/arrays', () => { let v = 1; for (let i = 0; i < 100; ++i) v = [v]; return v; });
add('deep/mixed', () => { let v = 'leaf'; for (let i = 0; i < 60; ++i) v = i % 3 === 0 ? { v } : i % 3 === 1 ? [v] : new Map([['v', v]]); return v; });
add('recipe/user', () => ({ id: 'u1', name: 'Ann', roles: ['admin'], created: new Date(1700000000000), balance: 12345678901234567890n, avatar: new Uint8Array(bytes(1, 2, 3)), settings: new Map([['theme', 'dark']]), tags: new Set(['x']), note: undefined }));
add('recipe/rows', () => Array.from({ length: 20 }, (_, i) => ({ id: i, score: i / 4, name: `row ${i}`, tags: i % 2 ? ['odd'] : [] })), { history: true });
