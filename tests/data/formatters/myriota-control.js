// SPDX-License-Identifier: MIT
// Commands to a satellite module: the direct method's name chooses the message, 20 bytes at most.
const commands = {
  reboot: () => [0x01],
  interval: ({ minutes }) => [0x02, minutes & 255, minutes >> 8],
  text: ({ text = '' }) => [0x03, ...new TextEncoder().encode(text)],
};

function encodeDownlink({ data, method }) {
  const command = commands[method?.toLowerCase()];
  if (!command) return { errors: [`there is no command ${method}`] };
  const bytes = command(data);
  if (bytes.length > 20) return { errors: [`${bytes.length} bytes are more than 20`] };
  return { bytes };
}
