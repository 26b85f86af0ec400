// Serves SQS on a free port of the loopback interface and prints that port.
// The package's own start-up would listen on every interface.
import { buildApp } from "fauxqs";
// Not among the package's exports; its version is locked.
import { SqsStore } from "./node_modules/fauxqs/dist/sqs/sqsStore.js";

// Standard input is a pipe that the test holds: it ends when the test does, in
// whatever way, so no server outlives its test.
process.stdin.on("end", () => process.exit(0)).resume();

const sqsStore = new SqsStore();
// Without a host of its own, a queue's URL has the address that was called. The
// default, sqs.us-east-1.localhost, is a name that not every machine resolves.
sqsStore.host = "";
// By itself the server looks for messages that have become visible again only
// when one is received, so that its counts would be out of date.
setInterval(() => sqsStore.processAllTimers(), 20);

const app = buildApp({ logger: false, stores: { sqsStore } });
await app.listen({ host: "127.0.0.1", port: 0 });
console.log(app.server.address().port);
