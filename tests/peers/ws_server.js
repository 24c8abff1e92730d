// ws_server.js ADDRESS PORT CERT KEY: an ACS on the `ws` package, an implementation of websockets that is not ours.
// Plays one script, a connection after the other; prints "ok WHAT" and "FAILED WHAT: WHY", and at last "end".
'use strict';
const fs = require('fs');
const https = require('https');
const { WebSocketServer } = require('ws');

const [address, port, cert, key] = process.argv.slice(2);
const server = https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) });
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
let connection = 0;
let since = 0;

function check(what, fine, why) {
    console.log(fine ? `ok ${what}` : `FAILED ${what}: ${why}`);
}

function once(ws, event, what, milliseconds = 5000) {
    return new Promise((resolve) => {
        const timer = setTimeout(() => { check(what, false, `no ${event} in time`); resolve([]); }, milliseconds);
        ws.once(event, (...args) => { clearTimeout(timer); resolve(args); });
    });
}

async function message(ws, what) {
    const [data] = await once(ws, 'message', what);
    return data === undefined ? {} : JSON.parse(data.toString());
}

const payload = (id) => JSON.stringify({ type: 'PayloadMessage', message: { messageId: id, tasks: [] } });

// Everything a server may do with frames.
async function talk(ws, request) {
    check('no extension and no sub-protocol', ws.extensions === '' && ws.protocol === '', ws.extensions);
    const query = new URL(request.url, 'https://x').searchParams;
    check('the query reads as sent', query.get('sendCredentials') === 'true' && query.get('seqNum') === '1' &&
        query.get('containerInstanceArn').endsWith('container-instance/ci-1'), request.url);
    check('the request is signed', /^AWS4-HMAC-SHA256 Credential=/.test(request.headers.authorization), 'not');
    ws.ping('a ping of its own');
    const [pong] = await once(ws, 'pong', 'a pong');
    check('the pong has the ping\'s payload', String(pong) === 'a ping of its own', String(pong));
    ws.send(payload('whole'));
    check('a message in one frame', (await message(ws, 'ack')).message.messageId === 'whole', 'other ack');
    const text = payload('fragments');
    for (let i = 0; i < text.length; i++) {
        ws.send(text[i], { fin: i === text.length - 1 });
        if (i % 10 === 0) ws.ping();
    }
    check('a message in fragments of one byte, pings between', (await message(ws, 'ack')).message.messageId ===
        'fragments', 'other ack');
    ws.send(Buffer.from(payload('binary')), { binary: true });
    check('a binary message', (await message(ws, 'ack')).message.messageId === 'binary', 'other ack');
    ws.send(JSON.stringify({ type: 'HeartbeatMessage', message: { healthy: true, padding: 'x'.repeat(3 << 20) } }));
    const acks = [];
    const all = new Promise((resolve) => ws.on('message', (data) => {
        acks.push(JSON.parse(data.toString()).message.messageId);
        if (acks.length === 300) resolve();
    }));
    for (let i = 0; i < 300; i++) ws.send(payload(`many-${i}`));
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 5000))]);
    check('300 messages behind one of 3 MB, each acknowledged in order',
        acks.length === 300 && acks.every((id, i) => id === `many-${i}`), `${acks.length} acks`);
    ws.close(1001, 'going away');
    const [code] = await once(ws, 'close', 'the answer to a close');
    check('a close of ours is answered', code === 1001 || code === 1005, `code ${code}`);
}

// A frame that no server may send: the client says why it goes (WS-145).
function broken(what, bytes) {
    return async (ws) => {
        ws._socket.write(Buffer.from(bytes));
        const [code, reason] = await once(ws, 'close', `the end after ${what}`);
        check(`a close of 1002 after ${what}`, code === 1002 && String(reason) === what, `${code} ${reason}`);
    };
}

const script = [
    talk,
    async (ws) => { ws.terminate(); },                        // end of TCP without a close
    async (ws) => { ws.close(1011, 'internal'); },
    null,                                                     // refused, below
    broken('reserved bits set', [0xf1, 0x02, 0x68, 0x69]),
    broken('masked frame from the server', [0x81, 0x82, 1, 2, 3, 4, 0x69, 0x6b]),
    async (ws) => {                                           // the agent is told to end now
        console.log('last');
        const [code] = await once(ws, 'close', 'the agent\'s close', 10000);
        check('the agent says goodbye with 1000', code === 1000, `code ${code}`);
        console.log('end');
        process.exit(0);
    },
];

server.on('upgrade', (request, socket, head) => {
    const step = script[connection];
    connection++;
    if (connection > 1) check(`connection ${connection} comes within 10 s`, Date.now() - since < 10000, 'late');
    since = Date.now();
    if (step === null) { // the body comes later than the head, and in pieces
        socket.write('HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n');
        const body = '{"InvalidClusterException":"no such cluster"}';
        setTimeout(() => socket.write(`10\r\n${body.slice(0, 16)}\r\n`), 1000);
        setTimeout(() => {
            socket.end(`${(body.length - 16).toString(16)}\r\n${body.slice(16)}\r\n0\r\n\r\n`);
            since = Date.now();
        }, 2000);
        return;
    }
    sockets.handleUpgrade(request, socket, head, async (ws) => {
        ws.on('error', (error) => check('frames without fault', false, error.message));
        await step(ws, request);
        since = Date.now();
    });
});
server.listen(Number(port), address, () => console.log('ready'));
