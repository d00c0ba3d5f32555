"""All harms, from the files that have them."""

from soak import clock_harm, harm, key_harm, opend_harm, peer_harm, store_harm

HARMS = (
    *harm.HARMS,
    *opend_harm.HARMS,
    *store_harm.HARMS,
    *clock_harm.HARMS,
    *key_harm.HARMS,
    *peer_harm.HARMS,
)
