// SPDX-License-Identifier: MIT
// The programs' pages in a real browser, as large as a desk's and as small as a phone's. With
// ISTHMUS_SCREENSHOTS=FOLDER pictures of them are left there.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
const playwright = await import('playwright-core').catch(() => undefined);

/** Why there is no browser; false if there is one. */
export const skip = executablePath && playwright ? false : 'there is no chromium, or no playwright-core';

export const SIZES = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

export async function openBrowser(t) {
  const browser = await playwright.chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  t.after(() => browser.close());
  return browser;
}

/** The page at a server's root; `faults` collects what it complains about or takes from elsewhere. */
export async function openPage(browser, origin, options = {}) {
  const page = await (await browser.newContext(options)).newPage();
  page.faults = [];
  page.on('console', (message) => { if (message.type() === 'error') page.faults.push(message.text()); });
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) page.faults.push(request.url());
  });
  await page.goto(`${origin}/`);
  return page;
}

export async function shoot(page, name) {
  const folder = process.env.ISTHMUS_SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

export const assertFits = async (page) => assert.ok(await page.evaluate(() =>
  document.documentElement.scrollWidth <= document.documentElement.clientWidth), 'nothing is cut off at the right');
