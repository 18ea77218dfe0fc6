// SPDX-License-Identifier: MIT
var decodeUplink = { data: { size: 1 } };
