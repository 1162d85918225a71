"use strict";
// Uses the cart of the node named in ?node=, by gRPC-Web and JSON, and reports what came of each step.

const node = new URLSearchParams(location.search).get("node");
const cart = "/com.example.shoppingcart.ShoppingCart/";
const tail = "/cloudstate.streams.EventStreams/tail";

const steps = {
  async binary() {
    const added = await call(node, cart + "AddItem", encodeMessage("web", "tea", "Tea ☕", 2));
    return [added.messages.length, added.trailers["grpc-status"], "cs-commitment" in added.trailers];
  },
  async text() {
    const added = await call(
      node, cart + "AddItem", encodeMessage("web", "mug", "Mug", 1), { isText: true });
    return [added.messages.length, added.trailers["grpc-status"]];
  },
  async failure() {
    const refused = await call(node, cart + "AddItem", encodeMessage("web", "mug", "Mug", null));
    return [
      refused.trailers["grpc-status"], refused.response.headers.get("grpc-status"),
      decodeURIComponent(refused.trailers["grpc-message"]),
    ];
  },
  async read() {
    const read = await call(node, cart + "GetCart", encodeMessage("web"), { isText: true });
    return decodeMessage(read.messages[0]).map(([, item]) => {
      const [[, product], [, name], [, quantity]] = decodeMessage(item);
      return [textOf(product), textOf(name), quantity];
    });
  },
  async json() {
    const added = await fetch(node + "/cart/web/items/add", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "k1" },
      body: JSON.stringify({ productId: "jam", name: "Jam", quantity: 3 }),
    });
    const read = await fetch(node + "/carts/web");
    return [added.status, added.headers.get("cs-commitment") !== null, await read.json()];
  },
  async stream() {
    // Everything that happened to the carts, and then on, until the third event is there.
    const sequences = [];
    await call(node, tail, encodeMessage(null, 1), {
      isText: true,
      onMessage(message) {
        for (const [number, value] of decodeMessage(message)) {
          if (number !== 1) continue;
          sequences.push(Object.fromEntries(decodeMessage(value))[7]);
        }
        return sequences.length === 3;
      },
    });
    return sequences.sort();
  },
};

(async () => {
  const report = {};
  for (const [name, step] of Object.entries(steps)) {
    try {
      report[name] = await step();
    } catch (error) {
      report[name] = `${error.name}: ${error.message}`;
    }
  }
  document.getElementById("result").textContent = JSON.stringify(report, null, 2);
  await fetch("/report", { method: "POST", body: JSON.stringify(report) });
})();
