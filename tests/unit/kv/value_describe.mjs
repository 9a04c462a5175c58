// A JavaScript value as JSON, in the form of the recorded scenarios (tests' README: "Values"): plain JSON where
// that is exact, else {"$type": …}; `$id` and `$ref` for what is shared.

function isIndex(name) {
  return /^(0|[1-9]\d{0,9})$/.test(name) && Number(name) < 4294967295;
}
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const utf16 = (text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
const isWellFormed = (text) => !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);

export function describe(root) {
  const seen = new Map();  // Object → its description, which gets a $id when it is met again.
  let nextId = 1;

  function text(value) {
    return isWellFormed(value) ? value : { $type: 'string', utf16: utf16(value) };
  }
  function number(value) {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value;
    return { $type: 'number', v: Object.is(value, -0) ? '-0' : String(value) };
  }
  function entries(object, names) {
    return names.map((name) => [text(name), walk(object[name])]);
  }
  function errorOf(error) {
    const kind = Object.prototype.toString.call(error) === '[object Error]' ? error : new Error();
    const known = ['EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'];
    const description = { name: known.includes(kind.name) ? kind.name : 'Error' };
    const own = (name) => Object.getOwnPropertyDescriptor(error, name);
    if (own('message')) description.message = text(String(error.message));
    if (typeof error.stack === 'string') description.stack = text(error.stack);
    if (own('cause')) description.cause = walk(error.cause);
    return description;
  }
  function isLengthTracking(view) {
    if (!view.buffer.resizable || view.buffer.byteLength === view.buffer.maxByteLength) return false;
    const before = view.byteLength;
    const size = view.buffer.byteLength;
    view.buffer.resize(Math.min(size + 8, view.buffer.maxByteLength));
    const isTracking = view.byteLength !== before;
    view.buffer.resize(size);
    return isTracking;
  }

  function fill(target, value) {
    const put = (type, fields) => Object.assign(target, { $type: type }, fields);
    if (Array.isArray(value)) {
      const names = Object.keys(value);
      const isDense = names.length === value.length && names.every((name, i) => name === String(i));
      if (isDense) return put('list', { v: value.map(walk) });
      return put('array', { length: value.length, entries: entries(value, names) });
    }
    if (value instanceof Date) return put('date', { v: Number.isNaN(value.getTime()) ? 'NaN' : value.getTime() });
    if (value instanceof RegExp) return put('regexp', { source: text(value.source), flags: value.flags });
    if (value instanceof Map) return put('map', { entries: Array.from(value, ([k, v]) => [walk(k), walk(v)]) });
    if (value instanceof Set) return put('set', { values: Array.from(value, walk) });
    if (value instanceof ArrayBuffer) {
      put('arraybuffer', { hex: hex(new Uint8Array(value)) });
      if (value.resizable) target.maxByteLength = value.maxByteLength;
      return target;
    }
    if (ArrayBuffer.isView(value)) {
      const kind = value.constructor.name;
      const length = kind === 'DataView' ? value.byteLength : value.length;
      put('view', { kind, byteOffset: value.byteOffset, length, buffer: walk(value.buffer) });
      if (isLengthTracking(value)) target.lengthTracking = true;
      return target;
    }
    if (value instanceof Error) return put('error', errorOf(value));
    if ([Boolean, Number, String, BigInt].some((type) => value instanceof type)) return put('boxed', { v: walk(value.valueOf()) });
    const names = Object.keys(value);
    const isPlain = names.every((name) => !name.startsWith('$') && name !== '__proto__' && !isIndex(name) && isWellFormed(name));
    if (!isPlain) return put('object', { entries: entries(value, names) });
    for (const name of names) target[name] = walk(value[name]);
    return target;
  }

  function walk(value) {
    switch (typeof value) {
      case 'undefined': return { $type: 'undefined' };
      case 'number': return number(value);
      case 'bigint': return { $type: 'bigint', v: String(value) };
      case 'string': return text(value);
      case 'boolean': return value;
    }
    if (value === null) return null;
    if (seen.has(value)) {
      const first = seen.get(value);
      first.$id ??= nextId++;
      return { $ref: first.$id };
    }
    const target = {};
    seen.set(value, target);
    return fill(target, value);
  }

  /// A plain object that is shared, and a list, take their JSON form only where nothing refers to them.
  function simplify(node) {
    if (Array.isArray(node)) return node.map(simplify);
    if (node === null || typeof node !== 'object') return node;
    if (node.$type === 'list' && node.$id === undefined) return node.v.map(simplify);
    const result = {};
    if (node.$type === undefined && node.$id !== undefined) {
      const { $id, ...properties } = node;
      return { $type: 'object', $id, entries: Object.entries(properties).map(([k, v]) => [k, simplify(v)]) };
    }
    for (const [name, value] of Object.entries(node)) result[name] = simplify(value);
    if (node.$type === 'list') {
      delete result.v;
      return { ...result, $type: 'array', length: node.v.length, entries: node.v.map((v, i) => [String(i), simplify(v)]) };
    }
    return result;
  }

  return simplify(walk(root));
}
