"use strict";
// gRPC-Web by fetch alone, and as much of the protobuf encoding as a cart needs.

/** A message of strings and numbers: the field numbers count from 1, `null` leaves a field out. */
function encodeMessage(...fields) {
  const bytes = [];
  const varint = (value) => {
    for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128);
    bytes.push(value);
  };
  fields.forEach((value, index) => {
    if (value === null) return;
    if (typeof value === "number") {
      varint((index + 1) << 3);
      varint(value);
    } else {
      const text = new TextEncoder().encode(value);
      varint(((index + 1) << 3) | 2);
      varint(text.length);
      bytes.push(...text);
    }
  });
  return Uint8Array.from(bytes);
}

/** The fields of a message, as [number, value] with a number or bytes for each. */
function decodeMessage(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag & 7) {
      const length = varint();
      fields.push([tag >> 3, bytes.subarray(at, at + length)]);
      at += length;
    } else {
      fields.push([tag >> 3, varint()]);
    }
  }
  return fields;
}

const textOf = (bytes) => new TextDecoder().decode(bytes);

/**
 * One call. Answers the messages, the trailers by name, and the response; `onMessage` hears of each message as it
 * comes, and ends the call by returning true.
 */
async function call(node, path, message, { isText = false, headers = {}, onMessage } = {}) {
  const frame = new Uint8Array(5 + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, 5);
  const type = isText ? "application/grpc-web-text" : "application/grpc-web+proto";
  const response = await fetch(node + path, {
    method: "POST",
    headers: { "content-type": type, accept: type, "x-grpc-web": "1", ...headers },
    body: isText ? btoa(String.fromCharCode(...frame)) : frame,
  });
  const result = { messages: [], trailers: {}, response };
  const reader = response.body.getReader();
  let text = "";
  let bytes = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return result;
    let more = value;
    if (isText) {
      // Whole groups of four characters, each piece padded for itself.
      text += textOf(value);
      const groups = text.slice(0, text.length - (text.length % 4)).match(/.{4}/g) ?? [];
      text = text.slice(groups.length * 4);
      more = Uint8Array.from(groups.map(atob).join(""), (character) => character.charCodeAt(0));
    }
    const joined = new Uint8Array(bytes.length + more.length);
    joined.set(bytes);
    joined.set(more, bytes.length);
    bytes = joined;
    while (bytes.length >= 5) {
      const end = 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (bytes.length < end) break;
      const payload = bytes.slice(5, end);
      if (bytes[0] & 0x80) {
        for (const line of textOf(payload).split("\r\n").filter(Boolean)) {
          const colon = line.indexOf(":");
          result.trailers[line.slice(0, colon)] = line.slice(colon + 1).trim();
        }
      } else {
        result.messages.push(payload);
        if (onMessage?.(payload)) {
          await reader.cancel();
          return result;
        }
      }
      bytes = bytes.slice(end);
    }
  }
}
