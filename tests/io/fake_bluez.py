"""fake_bluez.py - a scripted org.bluez on a private D-Bus: just enough of it to drive hub-ble through every step.

Written from BlueZ's D-Bus documentation, not from hub-ble. Every call it gets is kept in 'calls', in order.
"""
import time

import dbus
import dbus.bus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop

DBusGMainLoop(set_as_default=True)

PROPS = 'org.freedesktop.DBus.Properties'
MANAGER = 'org.freedesktop.DBus.ObjectManager'
ADAPTER = 'org.bluez.Adapter1'
DEVICE = 'org.bluez.Device1'
SERVICE = 'org.bluez.GattService1'
CHAR = 'org.bluez.GattCharacteristic1'


def uuid(short):
    return '0000%04x-0000-1000-8000-00805f9b34fb' % short


def octets(data):
    return dbus.Array([dbus.Byte(x) for x in data], signature='y')


class Error(dbus.DBusException):
    def __init__(self, name, text='as scripted'):
        super().__init__(text)
        self._dbus_error_name = 'org.bluez.Error.' + name


def connect(address, seconds=5):
    """Connect to the bus; its socket is there a moment before the daemon listens on it."""
    end = time.monotonic() + seconds
    while True:
        try:
            return dbus.bus.BusConnection(address)
        except dbus.DBusException:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


class Node(dbus.service.Object):
    """One object with its properties, by interface."""

    def __init__(self, bluez, path, props):
        super().__init__(bluez.bus, path)
        self.bluez, self.path, self.props = bluez, path, props

    @dbus.service.method(PROPS, in_signature='ssv')
    def Set(self, interface, name, value):
        self.bluez.log('Set', self.path, str(name), bool(value))
        if (str(name), bool(value)) in self.bluez.refuse_set:
            raise Error('Failed')
        self.change(str(interface), **{str(name): value})

    @dbus.service.method(PROPS, in_signature='s', out_signature='a{sv}')
    def GetAll(self, interface):
        return self.props.get(str(interface), {})

    @dbus.service.signal(PROPS, signature='sa{sv}as')
    def PropertiesChanged(self, interface, changed, invalidated):
        pass

    def change(self, interface, **changed):
        self.props[interface].update(changed)
        self.PropertiesChanged(interface, dbus.Dictionary(changed, signature='sv'), [])


class Root(Node):
    @dbus.service.method(MANAGER, out_signature='a{oa{sa{sv}}}')
    def GetManagedObjects(self):
        self.bluez.log('GetManagedObjects')
        return {n.path: n.props for n in self.bluez.nodes.values()}

    @dbus.service.signal(MANAGER, signature='oa{sa{sv}}')
    def InterfacesAdded(self, path, interfaces):
        pass

    @dbus.service.signal(MANAGER, signature='oas')
    def InterfacesRemoved(self, path, interfaces):
        pass


class AgentManager(Node):
    @dbus.service.method('org.bluez.AgentManager1', in_signature='os', sender_keyword='sender')
    def RegisterAgent(self, path, capability, sender=None):
        self.bluez.log('RegisterAgent', str(capability))
        self.bluez.agent = (sender, path)

    @dbus.service.method('org.bluez.AgentManager1', in_signature='o')
    def RequestDefaultAgent(self, path):
        self.bluez.log('RequestDefaultAgent')

    @dbus.service.method('org.bluez.AgentManager1', in_signature='o')
    def UnregisterAgent(self, path):
        if not self.bluez.agent:
            raise Error('DoesNotExist')
        self.bluez.log('UnregisterAgent')
        self.bluez.agent = None


class Adapter(Node):
    @dbus.service.method(ADAPTER, in_signature='a{sv}')
    def SetDiscoveryFilter(self, what):
        self.bluez.log('SetDiscoveryFilter', sorted(str(k) for k in what))

    @dbus.service.method(ADAPTER)
    def StartDiscovery(self):
        self.bluez.log('StartDiscovery')
        self.bluez.discovering = True
        self.bluez.on_discovery()

    @dbus.service.method(ADAPTER)
    def StopDiscovery(self):
        if not self.bluez.discovering:
            raise Error('Failed')
        self.bluez.log('StopDiscovery')
        self.bluez.discovering = False

    @dbus.service.method(ADAPTER, in_signature='o')
    def RemoveDevice(self, path):
        self.bluez.log('RemoveDevice', str(path))
        if self.bluez.on_remove and self.bluez.on_remove(str(path)):
            raise Error('NotReady')
        self.bluez.remove_tree(str(path))

    @dbus.service.method('org.bluez.GattManager1', in_signature='oa{sv}', sender_keyword='sender',
                         async_callbacks=('ok', 'fail'))
    def RegisterApplication(self, path, options, ok, fail, sender=None):
        app = dbus.Interface(self.bluez.bus.get_object(sender, path, introspect=False), MANAGER)

        def got(objects):
            self.bluez.app = {str(o): {str(i): p for i, p in x.items()} for o, x in objects.items()}
            self.bluez.app_owner = sender
            self.bluez.services = [str(u) for o in objects.values() for i, p in o.items()
                                   if i == 'org.bluez.GattProfile1' for u in p['UUIDs']]
            self.bluez.log('RegisterApplication')
            ok()
        app.GetManagedObjects(reply_handler=got, error_handler=fail)


class Device(Node):
    comes_back = True  # bluetoothd connects to it by itself when it is heard

    @dbus.service.method(DEVICE, async_callbacks=('ok', 'fail'))
    def Pair(self, ok, fail):
        self.bluez.log('Pair', self.path)
        self.bluez.on_pair(self, ok, fail)

    @dbus.service.method(DEVICE)
    def CancelPairing(self):
        self.bluez.log('CancelPairing', self.path)

    @dbus.service.method(DEVICE)
    def Connect(self):
        self.bluez.log('Connect', self.path)
        if not self.props[DEVICE]['Connected']:  # else 5.82 does nothing at all
            self.comes_back = True

    @dbus.service.method(DEVICE)
    def Disconnect(self):
        self.bluez.log('Disconnect', self.path)
        if not self.props[DEVICE]['Trusted']:
            self.comes_back = False
        self.change(DEVICE, Connected=False, ServicesResolved=False)


class Characteristic(Node):
    def __init__(self, bluez, path, props):
        super().__init__(bluez, path, props)
        self.on_read = self.on_write = None

    @dbus.service.method(CHAR)
    def StartNotify(self):
        self.bluez.log('StartNotify', self.path)
        self.props[CHAR]['Notifying'] = dbus.Boolean(True)

    @dbus.service.method(CHAR)
    def StopNotify(self):
        self.bluez.log('StopNotify', self.path)
        self.props[CHAR]['Notifying'] = dbus.Boolean(False)

    @dbus.service.method(CHAR, in_signature='a{sv}', out_signature='ay')
    def ReadValue(self, options):
        self.bluez.log('ReadValue', self.path)
        return octets(self.on_read())

    @dbus.service.method(CHAR, in_signature='aya{sv}')
    def WriteValue(self, value, options):
        self.bluez.log('WriteValue', self.path, bytes(value).hex())
        if self.on_write:
            self.on_write(bytes(value))

    def indicate(self, data):
        self.change(CHAR, Value=octets(data))


class FakeBluez:
    def __init__(self, address):
        self.address, self.calls, self.state = address, [], {}
        self.on_pair = self.pair_with_passkey
        self.on_discovery = lambda: None
        self.on_remove = None  # told a path; true: refuse
        self.passkey = 0
        self.refuse_set = set()
        self.start()

    def log(self, *what):
        self.calls.append(what)

    def start(self):
        self.bus = connect(self.address)
        self.nodes, self.agent, self.discovering, self.services = {}, None, False, []
        self.root = Root(self, '/', {})
        self.manager = AgentManager(self, '/org/bluez', {})
        self.name = self.bus.request_name('org.bluez')

    def stop(self):
        """As if bluetoothd was killed: all objects and its bus connection are gone."""
        for node in list(self.nodes.values()) + [self.root, self.manager]:
            node.remove_from_connection()
        self.bus.close()

    def add(self, cls, path, interface, silent=False, **props):
        node = cls(self, path, {interface: props})
        self.nodes[path] = node
        if not silent:
            self.root.InterfacesAdded(path, node.props)
        return node

    def remove_tree(self, path):
        for p in [p for p in self.nodes if p == path or p.startswith(path + '/')]:
            node = self.nodes.pop(p)
            self.root.InterfacesRemoved(p, list(node.props))
            node.remove_from_connection()

    def add_adapter(self, name='hci0', **props):
        return self.add(Adapter, '/org/bluez/' + name, ADAPTER, **dict(
            dict(Address='00:AA:01:00:00:00', Powered=False, Pairable=False, Discoverable=False,
                 Name='hub'), **props))

    def add_device(self, address, kind='random', **props):
        path = '/org/bluez/hci0/dev_' + address.replace(':', '_')
        return self.add(Device, path, DEVICE, **dict(
            dict(Address=address, AddressType=kind, Name='BPCUFF', Paired=False, Bonded=False,
                 Trusted=False, Connected=False, ServicesResolved=False), **props))

    def add_service(self, device, handle, short):
        """A service; its characteristics are put below it by add_char(service=handle)."""
        return self.add(Node, '%s/service%04x' % (device.path, handle), SERVICE, UUID=uuid(short), Primary=True,
                        Device=dbus.ObjectPath(device.path))

    def add_char(self, device, handle, short, flags, service=0x0a, **props):
        return self.add(Characteristic, '%s/service%04x/char%04x' % (device.path, service, handle), CHAR, **dict(
            dict(UUID=uuid(short), Flags=dbus.Array(flags, signature='s'), Notifying=False), **props))

    def ask_agent(self, member, *args, reply, error):
        sender, path = self.agent
        agent = dbus.Interface(self.bus.get_object(sender, path, introspect=False), 'org.bluez.Agent1')
        getattr(agent, member)(*args, reply_handler=reply, error_handler=error)

    def pair_with_passkey(self, device, ok, fail):
        def answered(key):
            if int(key) == self.passkey:
                self.finish_pair(device, ok)
            else:
                fail(Error('AuthenticationFailed'))
        self.ask_agent('RequestPasskey', dbus.ObjectPath(device.path), reply=answered,
                       error=lambda e: fail(Error('AuthenticationFailed')))

    def finish_pair(self, device, ok):
        device.change(DEVICE, Connected=True, Paired=True, Bonded=True)
        self.on_paired(device)
        device.change(DEVICE, ServicesResolved=True)
        ok()
