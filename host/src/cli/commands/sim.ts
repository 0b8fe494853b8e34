import { Command, Option } from "commander";
import type { CliContext } from "../context.js";
import { faultsOption } from "../faultsOption.js";
import { addCommonOptions, collect, integerOption } from "../options.js";
import type { SimOptions } from "../simOptions.js";

const BOARDS_MAX = 1000;

const NOTES = `
The board waits to be claimed: open its page, or
  curl -s -H 'content-type: application/json' -d '{}' http://127.0.0.1:8080/v1/claim
and send the token with every request, -H "authorization: Bearer $TOKEN". With --open, reading and inference need
none:
  curl -s --data-binary @photo.jpg -H 'content-type: image/jpeg' http://127.0.0.1:8080/v1/encode

With --tls-cert and --tls-key the board answers over HTTPS (mkcert makes such files for a LAN): browsers then let
its page use the live camera, and keep a --browser page for offline use, at addresses other than this machine's too.

With --browser the page is the board: core, runtime and model run in the tab, which asks nobody for anything once it
is loaded, and works offline from its second visit on. It is open, and its flash goes with the tab: a reload is a
fresh board from the factory.

With --broker or --serve-broker the boards are on a broker too, unless their owners set another one; docs/mqtt.md
has topics and commands:
  mosquitto_sub -h 127.0.0.1 -p 1883 -v -t 'synapse/#' -T 'synapse/+/cmd/#'
  mosquitto_pub -h 127.0.0.1 -p 1883 -t 'synapse/020000000001/cmd/encode/1?accept=application/json' -f photo.jpg
A board without an owner refuses every command (403 UNCLAIMED): claim it over HTTP, or use --open. Whoever may
publish on the broker commands the boards, without a token. The broker of --serve-broker knows no users and listens
where --host says; use --host 127.0.0.1 to keep it to this machine. Boards of one broker need identities of their
own: start several with --count, not with several commands.

With --serial the board comes as a bare chip behind a serial line: programs that flash chips write it through a
socket:// address, and it then boots from those bytes, with a boot log on the same line (docs/simulated-chip.md):
  esptool --port socket://127.0.0.1:2217 flash-id
With --faults its cable is bad, by chance that follows from the seed: lost and flipped bytes of a million, no rate
above baud-max, a cable that is pulled (unplug-at) or a loader that hangs (stuck-at) when so many blocks are written:
  --faults seed=7,lost=20,flipped=20,unplug-at=40

Ctrl-C stops it with exit code 0.`;

export function simCommand(context: CliContext): Command {
  const command = new Command("sim")
    .summary("start a simulated board and serve its page")
    .description(
      "Start a simulated board: the firmware's device core and runtime behind HTTP, within a board file's memories.",
    )
    .requiredOption("--board <file>", "board to simulate: a file, or its name in boards/")
    .option("--model <file>", "packed model (.syn)")
    .option("--port <n>", "port to listen on; 0 takes any", integerOption(0, 65535), 8080)
    .option("--host <address>", "address to listen on; 127.0.0.1 for this machine only", "0.0.0.0")
    .addOption(
      new Option(
        "--engine <name>",
        "build of core and runtime (default: native, or wasm where there is no addon)",
      ).choices(["native", "wasm"]),
    )
    .option(
      "--open",
      "the board has an owner and lets everybody read and infer; without it, the board waits to be claimed",
      false,
    )
    .option(
      "--count <n>",
      "boards in this process, on as many ports one after the other",
      integerOption(1, BOARDS_MAX),
      1,
    )
    .addOption(
      new Option("--browser", "serve a page in whose tab the board itself runs")
        .default(false)
        .conflicts([
          "engine",
          "open",
          "count",
          "broker",
          "serveBroker",
          "updateKey",
          "brokerCa",
          "brokerCert",
          "brokerKey",
        ]),
    )
    .addOption(
      new Option(
        "--serial [port]",
        "start a chip instead, behind a serial line on a TCP port, that boots what is flashed into it",
      )
        .argParser(integerOption(0, 65535))
        .conflicts(["model", "open", "count", "browser", "updateKey"]),
    )
    .option("--flash-file <file>", "with --serial: the flash's contents, read at the start and kept at the end")
    .option("--faults <list>", "with --serial: what is wrong with the cable, as seed=7,lost=20", faultsOption)
    .option("--tls-cert <file>", "serve HTTPS, with this certificate (PEM)")
    .option("--tls-key <file>", "the certificate's key (PEM)");
  addBrokerOptions(command)
    .option(
      "--update-key <file>",
      "take only models that this public key (PEM) signed; may be given up to 4 times",
      collect,
    )
    .option("--no-mdns", "do not announce the board in the local network")
    .option("--no-qr", "no QR code")
    .addHelpText("after", NOTES);
  return addCommonOptions(command).action(async (options: SimOptions) => {
    const { simulate } = await import("../simulate.js");
    await simulate(context, options);
  });
}

function addBrokerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--broker <url>", "MQTT broker that the boards connect to: mqtt://host:port, or mqtts://").conflicts(
        "serveBroker",
      ),
    )
    .option("--broker-ca <file>", "who may vouch for brokers (PEM), instead of the authorities that this machine knows")
    .option("--broker-cert <file>", "the boards' certificate (PEM), for brokers that ask for one")
    .option("--broker-key <file>", "that certificate's key (PEM)")
    .option(
      "--serve-broker [port]",
      "start a broker (MQTT 3.1.1) in this process and connect the boards to it; at 1883, or the next free port",
      integerOption(0, 65535),
    );
}
