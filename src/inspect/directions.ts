import type { Direction } from './plugin.ts'

export const DIRECTIONS: readonly Direction[] = ['inbound', 'outbound', 'internal']

export const isDirection = (word: string): word is Direction => DIRECTIONS.some((direction) => direction === word)
