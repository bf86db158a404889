// SPDX-License-Identifier: Apache-2.0
// A program that uses what `trib stream types --typescript` prints: what is right compiles, what is wrong does not.
import { FoodOpcode, type FoodEvent, type FoodRole, type FoodStatus, type GroceryEvent, type StreamEvent } from "./stream-types.js";

export const order: FoodEvent[] = [
    { opcode: FoodOpcode.ORDER_CREATE, nodeId: "ord-5001", delta: 46, payload: { customer: "ali", restaurant: "bab-hara",
        items: [{ id: "prod-shw", qty: 2, price: 18 }], deliveryAddress: { street: "Marina Walk" }, channel: "app" } },
    { opcode: 203, nodeId: "ord-5001", delta: 46, payload: { method: "card", cardLast4: "4242" } },
    { opcode: 301, payload: { task: "kitchen-prep", estMinutes: 15, acceptedBy: "not listed, and allowed" } },
    { opcode: 102, nodeId: "prod-shw", pointId: "pt-shw", delta: -2 },
    { opcode: 503, delta: 0 },
];
export const picking: GroceryEvent = { opcode: 302, payload: { task: "picking", picker: "pia" } };
export const status: FoodStatus = "settled", role: FoodRole = "driver";

export function total(events: StreamEvent[]): number {
    return events.filter((event) => event.opcode === FoodOpcode.ORDER_CREATE).reduce((sum, event) => sum + event.delta, 0);
}

/** The opcode tells the payload's type. */
export function minutes(event: FoodEvent): number | undefined {
    return event.opcode === FoodOpcode.TASK_CREATE ? event.payload?.estMinutes : undefined;
}

// @ts-expect-error there is no such status
export const noStatus: FoodStatus = "lost";
// @ts-expect-error a delivery moves nothing: delta is 0
export const noDelta: FoodEvent = { opcode: 503, delta: 5 };
// @ts-expect-error a sale names the point whose stock it takes
export const noPoint: FoodEvent = { opcode: 102, nodeId: "prod-shw", delta: -2 };
// @ts-expect-error an order has a customer
export const noCustomer: FoodEvent = { opcode: 501, nodeId: "o", delta: 1, payload: { restaurant: "b", items: [] } };
// @ts-expect-error a task of a grocery order is picking or delivery
export const noTask: GroceryEvent = { opcode: 302, payload: { task: "cooking" } };
// @ts-expect-error food has no such opcode
export const noOpcode: FoodEvent = { opcode: 601, delta: 0 };
