// uart_sender: bytes onto a serial line, 8 data bits, no parity, one stop bit.
`default_nettype none

module uart_sender #(
    parameter integer ClocksPerBit = 25
) (
    input  wire       clk_i,
    input  wire       rst_ni,
    input  wire [7:0] byte_i,
    input  wire       valid_i,
    output wire       ready_o,
    output wire       line_o
);
  localparam integer CountBits = $clog2(ClocksPerBit);
  localparam integer LastClock = ClocksPerBit - 1;

  reg [9:0] bits_q; // what is still to be sent, low bit first
  reg [3:0] left_q;
  reg [CountBits-1:0] clock_q;
  reg line_q;
  wire bit_end = clock_q == {CountBits{1'b0}};

  assign ready_o = left_q == 4'd0;
  assign line_o = line_q;

  always @(posedge clk_i) begin
    line_q <= !rst_ni || ready_o || bits_q[0];
    if (!rst_ni) begin
      left_q <= 4'd0;
    end else if (ready_o) begin
      if (valid_i) left_q <= 4'd10;
    end else if (bit_end) begin
      left_q <= left_q - 4'd1;
    end
    if (ready_o) bits_q <= {1'b1, byte_i, 1'b0};
    else if (bit_end) bits_q <= {1'b1, bits_q[9:1]};
    clock_q <= ready_o || bit_end ? LastClock[CountBits-1:0] : clock_q - 1'b1;
  end

  generate
    if (ClocksPerBit < 4 || ClocksPerBit > 65536) begin : g_refuse
      uart_sender_refuses_clocks_per_bit_outside_4_to_65536 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
