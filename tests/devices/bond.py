"""Pairing as a device without keys does it, and the file its bond is in."""
import asyncio

from bumble.keys import JsonKeyStore
from bumble.pairing import PairingDelegate


class Label(PairingDelegate):
    """A device without keys: the passkey is on its label or display; it pairs in pairing mode only."""

    def __init__(self, device):
        options, keys = device.options, self.KeyDistribution
        identity = keys.DISTRIBUTE_IDENTITY_KEY if options.private else keys(0)
        super().__init__(
            io_capability=self.DISPLAY_OUTPUT_ONLY if options.passkey_entry else self.NO_OUTPUT_NO_INPUT,
            local_initiator_key_distribution=keys.DISTRIBUTE_ENCRYPTION_KEY | keys.DISTRIBUTE_IDENTITY_KEY,
            local_responder_key_distribution=keys.DISTRIBUTE_ENCRYPTION_KEY | identity,
            maximum_encryption_key_size=options.key_size,
        )
        self.device = device

    async def accept(self):
        """Say whether a pairing request is welcome."""
        answer = self.device.options.pairing_answer
        if answer == 'silent':
            self.device.report('pairing_ignored')
            await asyncio.get_running_loop().create_future()
        welcome = self.device.pairing and answer == 'accept'
        if not welcome:
            self.device.report('pairing_refused')
        return welcome

    async def generate_passkey(self):
        """Return what the label says."""
        return self.device.options.passkey


class Bonds(JsonKeyStore):
    """A key file in which a new pairing replaces the old bond with that peer."""

    async def update(self, name, keys):
        """Write the keys of one peer."""
        db, key_map = await self.load()
        key_map[name] = keys.to_dict()
        await self.save(db)
