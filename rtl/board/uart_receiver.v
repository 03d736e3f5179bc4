// uart_receiver: bytes from a serial line, 8 data bits, no parity, one stop bit.
//
// valid_o is high for one clock with each byte. The line is looked at in the middle of every bit; a start bit that is
// gone by its middle, or a stop bit that is not high, gives no byte.
`default_nettype none

module uart_receiver #(
    parameter integer ClocksPerBit = 25
) (
    input  wire       clk_i,
    input  wire       rst_ni,
    input  wire       line_i,
    output reg  [7:0] byte_o,
    output reg        valid_o
);
  localparam integer CountBits = $clog2(ClocksPerBit);
  localparam integer LastClock = ClocksPerBit - 1;
  localparam integer MiddleClock = ClocksPerBit / 2 - 1;

  reg [1:0] line_q; // synchronised
  reg busy_q;
  reg [3:0] bit_q; // 0: start bit; 1 to 8: data; 9: stop bit
  reg [CountBits-1:0] clock_q;
  wire look = clock_q == {CountBits{1'b0}};

  always @(posedge clk_i) begin
    line_q  <= {line_q[0], line_i};
    valid_o <= rst_ni && busy_q && look && bit_q == 4'd9 && line_q[1];
    if (!rst_ni) busy_q <= 1'b0;
    else if (!busy_q) busy_q <= !line_q[1];
    else if (look && (bit_q == 4'd9 || (bit_q == 4'd0 && line_q[1]))) busy_q <= 1'b0;
    if (!busy_q) begin
      bit_q   <= 4'd0;
      clock_q <= MiddleClock[CountBits-1:0];
    end else if (look) begin
      bit_q   <= bit_q + 4'd1;
      clock_q <= LastClock[CountBits-1:0];
      if (bit_q != 4'd9) byte_o <= {line_q[1], byte_o[7:1]};
    end else begin
      clock_q <= clock_q - 1'b1;
    end
  end

  generate
    if (ClocksPerBit < 4 || ClocksPerBit > 65536) begin : g_refuse
      uart_receiver_refuses_clocks_per_bit_outside_4_to_65536 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
