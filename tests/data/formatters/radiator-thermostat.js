// SPDX-License-Identifier: MIT
// A thermostat: classes for commands, a switch over names, half degrees in a byte.
class Command {
  constructor(code) { this.code = code; }

  get bytes() { return [this.code, ...this.body()]; }

  body() { return []; }
}

class SetPoint extends Command {
  static from(value) {
    if (value < 5 || value > 30) throw new RangeError(`${value} degrees can't be set`);
    return new SetPoint(Math.round(value * 2));
  }

  constructor(half) {
    super(0x0e);
    this.half = half;
  }

  body() { return [this.half]; }
}

class Lock extends Command {
  constructor(locked) {
    super(0x07);
    this.locked = locked;
  }

  body() { return [Number(this.locked)]; }
}

function encodeDownlink({ data }) {
  const commands = Object.entries(data).map(([name, value]) => {
    switch (name) {
      case 'setPoint': return SetPoint.from(value);
      case 'locked': return new Lock(value);
      case 'recalibrate': return new Command(0x03);
      default: throw new Error(`${name} is not a command`);
    }
  });
  return { bytes: commands.flatMap((command) => command.bytes), fPort: 2 };
}

function decodeUplink({ bytes: [setPoint, valve, ...measured] }) {
  const [room, flow] = measured.map((value) => value / 4);
  return { data: { setPoint: setPoint / 2, valve, room, flow } };
}
