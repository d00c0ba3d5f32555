// Candles and volumes on a canvas, with axes, the last price and a cursor.

import { write } from "./dom.js";
import { digitsOf, minute, price, short, signed } from "./format.js";
import { Scale } from "./scale.js";

const PITCH = 8;
const BODY = 5;
const AXIS_WIDTH = 62;
const AXIS_HEIGHT = 20;
const VOLUME_SHARE = 0.18;
const LABEL_EVERY = 90;

export class CandleChart {
  #candles = [];
  #cursor = null;
  #isDirty = false;

  constructor(canvas, legend) {
    this.canvas = canvas;
    this.legend = legend;
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.#redraw()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
    canvas.addEventListener("pointermove", (event) => this.#point(this.#indexAt(event.offsetX)));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("blur", () => this.#point(null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Draw these candles, oldest first, as many of the newest as there is room for. */
  show(candles) {
    this.#candles = candles;
    this.#redraw();
  }

  get #room() {
    return Math.max(1, Math.floor((this.canvas.clientWidth - AXIS_WIDTH) / PITCH));
  }

  get #visible() {
    return this.#candles.slice(-this.#room);
  }

  #left(index, count) {
    return this.canvas.clientWidth - AXIS_WIDTH - (count - index) * PITCH;
  }

  #indexAt(x) {
    const count = this.#visible.length;
    const index = Math.floor((x - this.#left(0, count)) / PITCH);
    return index >= 0 && index < count ? index : null;
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const last = this.#visible.length - 1;
    if (event.key === "Escape") this.#point(null);
    if (!step || last < 0) return;
    event.preventDefault();
    this.#point(Math.min(last, Math.max(0, (this.#cursor ?? last + 1) + step)));
  }

  #point(index) {
    this.#cursor = index;
    this.#redraw();
  }

  #redraw() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    requestAnimationFrame(() => {
      this.#isDirty = false;
      this.#draw();
    });
  }

  #draw() {
    const { width, height } = this.#fit();
    const colours = readColours();
    this.context.clearRect(0, 0, width, height);
    const candles = this.#visible;
    this.#tell(candles);
    if (!candles.length) return;
    const bottom = height - AXIS_HEIGHT;
    const volumeTop = bottom * (1 - VOLUME_SHARE);
    const low = Math.min(...candles.map((candle) => candle.low_price));
    const high = Math.max(...candles.map((candle) => candle.high_price));
    const prices = new Scale(low, high, volumeTop - 6, 4);
    const most = Math.max(1, ...candles.map((candle) => Number(candle.volume)));
    this.#drawGrid(prices, candles, width, bottom, colours);
    candles.forEach((candle, index) => {
      const left = this.#left(index, candles.length);
      this.#drawVolume(candle, left, (Number(candle.volume) / most) * (bottom - volumeTop), bottom, colours);
      this.#drawCandle(candle, left, prices, colours);
    });
    this.#drawLast(candles.at(-1), prices, width, colours);
    if (this.#cursor !== null) this.#drawCursor(candles.length, bottom, colours);
  }

  /** Make the canvas as sharp as the screen. */
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== wide || this.canvas.height !== high)
      Object.assign(this.canvas, { width: wide, height: high });
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.font = `11px ${getComputedStyle(this.canvas).fontFamily}`;
    return { width, height };
  }

  #drawGrid(prices, candles, width, bottom, colours) {
    const { context } = this;
    const { ticks, step } = prices.ticks(Math.max(2, Math.floor(bottom / 56)));
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (const tick of ticks) {
      this.#line(0, prices.at(tick), width - AXIS_WIDTH, prices.at(tick), colours.grid);
      context.fillStyle = colours.faint;
      context.fillText(price(tick, digitsOf(step)), width - AXIS_WIDTH + 8, prices.at(tick));
    }
    context.textAlign = "center";
    const every = Math.max(1, Math.round(LABEL_EVERY / PITCH / 5)) * 5;
    candles.forEach((candle, index) => {
      if (Number(candle.time.slice(14, 16)) % every) return;
      const x = this.#left(index, candles.length) + PITCH / 2;
      if (x < 20) return;
      this.#line(x, 0, x, bottom, colours.grid);
      context.fillStyle = colours.faint;
      context.fillText(minute(candle.time), x, bottom + AXIS_HEIGHT / 2 + 2);
    });
  }

  #drawCandle(candle, left, prices, colours) {
    const middle = Math.floor(left + PITCH / 2) + 0.5;
    const colour = candle.close_price >= candle.open_price ? colours.up : colours.down;
    const [start, end] = [prices.at(candle.open_price), prices.at(candle.close_price)];
    this.#line(middle, prices.at(candle.high_price), middle, prices.at(candle.low_price), colour);
    this.context.fillStyle = colour;
    this.context.fillRect(middle - BODY / 2, Math.min(start, end), BODY, Math.max(1, Math.abs(end - start)));
  }

  #drawVolume(candle, left, height, bottom, colours) {
    const middle = Math.floor(left + PITCH / 2) + 0.5;
    this.context.globalAlpha = 0.35;
    this.context.fillStyle = candle.close_price >= candle.open_price ? colours.up : colours.down;
    this.context.fillRect(middle - BODY / 2, bottom - height, BODY, height);
    this.context.globalAlpha = 1;
  }

  #drawLast(candle, prices, width, colours) {
    const { context } = this;
    const y = prices.at(candle.close_price);
    context.setLineDash([3, 3]);
    this.#line(0, y, width - AXIS_WIDTH, y, colours.accent);
    context.setLineDash([]);
    context.fillStyle = colours.accent;
    context.beginPath();
    context.roundRect(width - AXIS_WIDTH + 2, y - 9, AXIS_WIDTH - 4, 18, 4);
    context.fill();
    context.fillStyle = colours.onAccent;
    context.textAlign = "left";
    context.fillText(
      price(candle.close_price, digitsOf(candle.close_price)),
      width - AXIS_WIDTH + 8,
      y + 0.5,
    );
  }

  #drawCursor(count, bottom, colours) {
    const x = Math.floor(this.#left(this.#cursor, count) + PITCH / 2) + 0.5;
    this.#line(x, 0, x, bottom, colours.text);
  }

  #line(x1, y1, x2, y2, colour) {
    const { context } = this;
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  /** The candle under the cursor in words, or the newest one. */
  #tell(candles) {
    const candle = this.#cursor === null ? candles.at(-1) : candles[this.#cursor];
    write(this.legend, candle ? candleText(candle) : "1-minute K-lines");
  }
}

function candleText(candle) {
  const names = [
    ["O", "open_price"],
    ["H", "high_price"],
    ["L", "low_price"],
    ["C", "close_price"],
  ];
  const digits = Math.max(...names.map(([, name]) => digitsOf(candle[name])));
  const figures = names.map(([letter, name]) => `${letter} ${price(candle[name], digits)}`);
  const change = `${signed(candle.change_rate)}%`;
  return ["1 min", minute(candle.time), ...figures, change, `V ${short(candle.volume)}`].join("   ");
}

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = {
    up: "up",
    down: "down",
    grid: "grid",
    faint: "faint",
    text: "text",
    accent: "accent",
    onAccent: "on-accent",
  };
  return Object.fromEntries(
    Object.entries(names).map(([name, property]) => [name, style.getPropertyValue(`--${property}`)]),
  );
}
