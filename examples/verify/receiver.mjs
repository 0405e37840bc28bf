// A receiver in JavaScript, for Node alone: node receiver.mjs 9102, with the secret in CALLBOX_SECRET.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

// `secret` is the destination's whsec_… text, `body` the bytes as they arrived: never JSON that was parsed and written again.
export function isFromCallbox(secret, headers, body) {
  const stamp = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const wanted = createHmac("sha256", key).update(`${headers["webhook-id"] ?? ""}.${stamp}.`).update(body).digest();
  return (headers["webhook-signature"] ?? "").split(" ").some((given) => {
    const [version, value] = given.split(",");
    const bytes = Buffer.from(value ?? "", "base64");
    return version === "v1" && bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
  });
}

createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const good = isFromCallbox(process.env.CALLBOX_SECRET, request.headers, Buffer.concat(pieces));
    // Keep the event here, once for each webhook-id, and answer 2xx only when it is kept.
    response.writeHead(good ? 200 : 401).end();
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
