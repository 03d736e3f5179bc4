// board_bench: a host asks the board for register 0x04 over its serial line, for the diagrams of waves.py.
`default_nettype none
`timescale 1ns / 1ns

module board_bench;
  reg clk_i = 1'b0, rst_ni = 1'b0, serial_i = 1'b1;
  wire serial_o, wifi_o;
  wire [7:0] light_o;

  always #5 clk_i = !clk_i;

  ulx3s #(
      .ClocksPerBit(4),
      .Lanes(8),
      .Width(32),
      .WeightDepth(2048),
      .BiasDepth(256),
      .Operations(64)
  ) ulx3s (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .serial_i(serial_i),
      .serial_o(serial_o),
      .wifi_o(wifi_o),
      .light_o(light_o)
  );

  task send(input [7:0] value);
    integer i;
    reg [9:0] bits;
    begin
      bits = {1'b1, value, 1'b0};
      for (i = 0; i < 10; i = i + 1) begin
        serial_i = bits[i];
        #40;
      end
    end
  endtask

  initial begin
    $dumpfile("waves.vcd");
    $dumpvars;
    #100 rst_ni = 1'b1;
    #100 send("R");
    send(8'h04);
    #2800 $finish;
  end
endmodule

`default_nettype wire
