// What the extension host calls: runs the tests in it and says how they went.
import Mocha from "mocha";

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", color: false, timeout: 60_000, reporter: class {} as never });
  // The suites register themselves in the global functions of mocha.
  mocha.suite.emit("pre-require", globalThis as never, "", mocha);
  await import("./suites");
  await new Promise<void>((resolve, reject) => {
    const runner = mocha.run((failures) => {
      const { passes } = runner.stats ?? { passes: 0 };
      console.log(`test: counted ${passes} ${failures}`);
      if (failures === 0) resolve();
      else reject(new Error(`${failures} failed`));
    });
    runner.on("pass", (test) => console.log(`test: ok   ${test.fullTitle()} (${test.duration} ms)`));
    runner.on("fail", (test, error: Error) => {
      console.log(`test: FAIL ${test.fullTitle()}: ${error.stack ?? error.message}`);
    });
  });
}
