/**
 * Node has no pseudo terminals and Python has, so a small Python program holds one end of it. Over its standard streams
 * go packets: a letter, two bytes of length, content. To us: `P` the path of the other end, `O` a program has opened
 * it, `C` it has closed it, `B` the rate that it has set, as text, `D` what it has written. From us comes what the chip
 * says, without packets.
 */
export const PTY_HELPER = `
import os, pty, select, struct, sys, termios, tty

RATES = {getattr(termios, n): n[1:] for n in dir(termios) if n[0] == "B" and n[1:].isdigit()}
near, far = pty.openpty()
tty.setraw(near)
os.set_blocking(near, False)


def tell(letter, content=b""):
    packet = letter + struct.pack(">H", len(content)) + content
    while packet:
        packet = packet[os.write(1, packet):]


tell(b"P", os.ttyname(far).encode())
os.close(far)
poll = select.poll()
poll.register(0, select.POLLIN)
poll.register(near, select.POLLIN)
is_open, rate, out = False, None, b""
while True:
    # Nobody at the other end is a state that poll reports over and over.
    events = dict(poll.poll(1000))
    if 0 in events:
        said = os.read(0, 65536)
        if not said:
            sys.exit()
        out += said
    state = events.get(near, 0)
    gone = bool(state & select.POLLHUP)
    if gone and not state & select.POLLIN:
        if is_open:
            is_open = False
            tell(b"C")
            tty.setraw(near)
        out = b""
        select.select([0], [], [], 0.02)
        continue
    if not is_open and (state & select.POLLIN or not gone):
        is_open, rate = True, None
        tell(b"O")
    if state & select.POLLIN:
        try:
            data = os.read(near, 32768)
        except OSError:
            data = b""
        now = RATES.get(termios.tcgetattr(near)[5])
        if now != rate:
            rate = now
            tell(b"B", (rate or "0").encode())
        if data:
            tell(b"D", data)
    if out:
        try:
            out = out[os.write(near, out):]
        except BlockingIOError:
            pass
    poll.modify(near, select.POLLIN | (select.POLLOUT if out else 0))
`;
