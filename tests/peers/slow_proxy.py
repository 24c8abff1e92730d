#!/usr/bin/env python3
"""slow_proxy.py ADDRESS PORT [CERT KEY]: a CONNECT proxy that says its answer byte by byte, then passes
everything on. With a certificate it is one that is spoken to by TLS."""
import socket
import ssl
import sys
import threading
import time


def pump(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(4096)
        if not piece:
            return
        head += piece
    line = head.split(b"\r\n")[0].decode()
    print(line, file=sys.stderr, flush=True)
    host, port = line.split()[1].rsplit(":", 1)
    target = socket.create_connection((host, int(port)))
    for byte in b"HTTP/1.1 200 Connection established\r\nProxy-Agent: slow\r\n\r\n":
        client.sendall(bytes([byte]))
        time.sleep(0.002)
    threading.Thread(target=pump, args=(target, client), daemon=True).start()
    pump(client, target)


def accept(client, tls):
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve(tls.wrap_socket(client, server_side=True) if tls else client)
    except OSError as error:
        print(f"lost: {error}", file=sys.stderr, flush=True)


def main():
    tls = None
    if len(sys.argv) > 3:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[3], sys.argv[4])
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
    print("ready", file=sys.stderr, flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=accept, args=(client, tls), daemon=True).start()


main()
